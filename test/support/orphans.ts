import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endEverything } from './wreckage.ts';

const ownerFile = 'owner';

/** Records that this process owns a test directory; `removeOrphans` of a later run leaves it alone for as long as the process lives. */
export async function claim(directory: string): Promise<void> {
  await writeFile(join(directory, ownerFile), `${process.pid} ${await startOf(process.pid)}`);
}

/** Ends and removes what an earlier run left that was killed: daemons, containers, mounts and directories whose owner is dead. */
export async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith('componentd-test-')) continue;
    const directory = join(tmpdir(), name);
    const owner = await readFile(join(directory, ownerFile), 'utf8').catch(() => undefined);
    if (owner === undefined) continue;
    const [pid = '', start = ''] = owner.split(' ');
    if ((await startOf(Number(pid))) === start) continue;
    await endDaemons(directory);
    await endEverything(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

/** SIGKILL for every process that was started with a config file of this directory. */
async function endDaemons(directory: string): Promise<void> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const argv = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (
      !argv.some(
        (argument) => argument === join(directory, 'config.toml') || argument === join(directory, 'config.yml'),
      )
    )
      continue;
    process.kill(Number(entry), 'SIGKILL');
    for (const giveUp = Date.now() + 5_000; (await startOf(Number(entry))) !== '' && Date.now() < giveUp; )
      await delay(20);
  }
}

/** When the process started, in clock ticks since boot (proc(5), field 22 of stat): with the pid it names a process for good. Empty for none. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? '' : (rest[18] ?? '');
}
