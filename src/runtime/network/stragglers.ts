import { readdir, readFile } from 'node:fs/promises';
import { sleep } from '../../base/abort.ts';
import { InfrastructureError } from '../../base/errors.ts';
import { formatOwner, isAlive, type Owner, thisProcess } from '../../base/owner.ts';

const limitMs = 20_000;
const pauseMs = 10;
const variable = 'COMPONENTD_WORKS_FOR';

/** Environment by which programs that this process starts, and theirs, are found when it is gone. */
export async function markOfThisProcess(): Promise<Readonly<Record<string, string>>> {
  return { [variable]: formatOwner(await thisProcess()) };
}

/**
 * Waits for the programs that a process started before it was killed: what they make would be there again after it was taken away. Does
 * not wait for a process that lives. Looks at every process of the host.
 */
export async function untilNobodyWorksFor(owner: Owner): Promise<void> {
  if (await isAlive(owner)) return;
  for (const giveUp = Date.now() + limitMs; ; await sleep(pauseMs)) {
    const pids = await workersFor(owner);
    if (pids.length === 0) return;
    if (Date.now() > giveUp) {
      throw new InfrastructureError(`processes ${pids.join(', ')}, which make networks of containers, do not end`, {
        hint: 'Find out what they wait for, or end them.',
      });
    }
  }
}

async function workersFor(owner: Owner): Promise<readonly string[]> {
  const wanted = `${variable}=${formatOwner(owner)}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // Whoever has ended since works for nobody.
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')));
  return pids.filter((_, index) => environments[index]?.split('\0').includes(wanted));
}
