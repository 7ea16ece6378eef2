import { readdir, readFile } from 'node:fs/promises';
import { sleep } from '../../base/abort.ts';
import { InfrastructureError } from '../../base/errors.ts';

const limitMs = 20_000;
const pauseMs = 10;

/** Environment by which a program that works for a container is found; CNI's own name, so that plugins hand it on to theirs. */
export function workingFor(id: string): { readonly CNI_CONTAINERID: string } {
  return { CNI_CONTAINERID: id };
}

/**
 * Waits for the programs that a process started for a container before it was killed: what they make would be there again afterwards.
 * Looks at every process of the host.
 */
export async function untilNobodyWorksFor(id: string): Promise<void> {
  for (const giveUp = Date.now() + limitMs; ; await sleep(pauseMs)) {
    const pids = await workersFor(id);
    if (pids.length === 0) return;
    if (Date.now() > giveUp) {
      throw new InfrastructureError(`processes ${pids.join(', ')} do not end, which make the network of ${id}`, {
        hint: 'Find out what they wait for, or end them.',
      });
    }
  }
}

async function workersFor(id: string): Promise<readonly string[]> {
  const wanted = `CNI_CONTAINERID=${id}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // Whoever has ended since works for nobody.
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')));
  return pids.filter((_, index) => environments[index]?.split('\0').includes(wanted));
}
