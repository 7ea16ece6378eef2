import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sleep } from '../base/abort.ts';
import { killProcess } from './kill.ts';

/** Where the host's cgroup hierarchies are mounted. `v1` covers hosts that also mount an empty v2 hierarchy ("hybrid"). */
export interface Cgroups {
  readonly version: 'v1' | 'v2';
  /** Every hierarchy in which a container gets a directory; one for v2. */
  readonly roots: readonly string[];
  /** The hierarchy that tells which processes belong to a container. */
  readonly processRoot: string;
  /** Whether the kernel counts swap, so that a swap limit can be set. */
  readonly swapAccounting: boolean;
}

/** Reads `/proc/self/mountinfo`. @throws Error when no cgroup hierarchy is mounted. */
export async function detectCgroups(): Promise<Cgroups> {
  const mounts = parseCgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
  const cgroups = chooseCgroups(mounts);
  return { ...cgroups, swapAccounting: await countsSwap(cgroups, mounts) };
}

interface CgroupMount {
  readonly path: string;
  readonly version: 'v1' | 'v2';
  /** Controllers and names of a v1 hierarchy. */
  readonly controllers: readonly string[];
}

/** The cgroup mounts in the text of a mountinfo file (proc(5)). */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const path = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (path === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    const controllers = (options ?? '').split(',').filter((option) => !generic.has(option));
    return [{ path, version: type === 'cgroup2' ? 'v2' : 'v1', controllers: type === 'cgroup2' ? [] : controllers }];
  });
}

const generic = new Set(['rw', 'ro', 'xattr', 'nsdelegate', 'memory_recursiveprot', 'clone_children']);

/** v1 as soon as one controller is mounted the old way: the runtime then uses the old hierarchies only. */
export function chooseCgroups(mounts: readonly CgroupMount[]): Omit<Cgroups, 'swapAccounting'> {
  const unified = mounts.find((mount) => mount.version === 'v2');
  const controllers = mounts.filter((mount) => mount.version === 'v1');
  const processes = controllers.find((mount) => mount.controllers.includes('pids')) ?? controllers[0];
  if (processes !== undefined) {
    return { version: 'v1', roots: [...new Set(mounts.map((mount) => mount.path))], processRoot: processes.path };
  }
  if (unified === undefined) throw new Error('no cgroup hierarchy is mounted; mount /sys/fs/cgroup');
  return { version: 'v2', roots: [unified.path], processRoot: unified.path };
}

async function countsSwap(cgroups: Omit<Cgroups, 'swapAccounting'>, mounts: readonly CgroupMount[]): Promise<boolean> {
  if (cgroups.version === 'v1') {
    const memory = mounts.find((mount) => mount.controllers.includes('memory'));
    return memory !== undefined && existsSync(join(memory.path, 'memory.memsw.limit_in_bytes'));
  }
  // The root cgroup of v2 has no memory files; its children have them.
  const children = await directories(cgroups.processRoot);
  return children.some((child) => existsSync(join(cgroups.processRoot, child, 'memory.swap.max')));
}

/** The runtime's spelling of a container's cgroup. The one place that changes when the systemd driver is used. */
export function cgroupsPath(parent: string, id: string): string {
  return `${parent}/${id}`;
}

/** How many processes are left in the cgroup and the cgroups below it; 0 when there is no such cgroup. */
export async function countProcesses(cgroups: Cgroups, path: string): Promise<number> {
  return (await processesIn(join(cgroups.processRoot, path))).length;
}

/** The processes in the directory of a cgroup and in those below it, by the pids that we see; none when it is gone. */
export async function processesIn(directory: string): Promise<number[]> {
  const own = await orWhenGone(readFile(join(directory, 'cgroup.procs'), 'utf8'), '');
  const below = await Promise.all((await directories(directory)).map((child) => processesIn(join(directory, child))));
  return [...own.split('\n').filter(Boolean).map(Number), ...below.flat()];
}

/**
 * SIGKILL to every process in the cgroup and the cgroups below it, again and again until none is left or the time is over; answers whether
 * none is left. For a container whose OCI runtime cannot do it.
 */
export async function killProcesses(cgroups: Cgroups, path: string, withinMs: number): Promise<boolean> {
  for (const giveUp = Date.now() + withinMs; ; await sleep(lookEveryMs)) {
    const pids = await processesIn(join(cgroups.processRoot, path));
    if (pids.length === 0) return true;
    for (const pid of pids) killProcess(pid);
    if (Date.now() > giveUp) return false;
  }
}

const lookEveryMs = 20;

/** Names of the cgroups right below `parent` that hold neither a cgroup nor a process, in any hierarchy. */
export async function emptyCgroups(cgroups: Cgroups, parent: string): Promise<readonly string[]> {
  const below = (path: string): Promise<string[]> =>
    Promise.all(cgroups.roots.map((root) => directories(join(root, path)))).then((found) => found.flat());
  const empty: string[] = [];
  for (const name of new Set(await below(parent))) {
    const path = join(parent, name);
    if ((await below(path)).length === 0 && (await countProcesses(cgroups, path)) === 0) empty.push(name);
  }
  return empty.sort();
}

/** Removes the cgroup, and those below it, from every hierarchy. Tolerates its absence. @throws EBUSY while processes are left in it. */
export async function removeCgroup(cgroups: Cgroups, path: string): Promise<void> {
  const remove = async (directory: string): Promise<void> => {
    for (const child of await directories(directory)) await remove(join(directory, child));
    await orWhenGone(rmdir(directory), undefined);
  };
  await Promise.all(cgroups.roots.map((root) => remove(join(root, path))));
}

/**
 * Removes the cgroup `path` and its ancestors below `upTo` from every hierarchy, from the bottom up, and stops at the first that still
 * holds another cgroup or a process. `upTo` itself stays. Call it when no container is being created below `path`.
 */
export async function removeCgroupParents(cgroups: Cgroups, path: string, upTo: string): Promise<void> {
  const remove = async (root: string): Promise<void> => {
    for (let at = path; at.startsWith(`${upTo === '/' ? '' : upTo}/`) && at !== '/'; at = dirname(at)) {
      if (!(await removeIfEmpty(join(root, at)))) break;
    }
  };
  await Promise.all(cgroups.roots.map(remove));
}

/** Makes the cgroup `path` in every hierarchy. Somebody may be removing an empty parent at this moment; then it is made again. */
export async function makeCgroup(cgroups: Cgroups, path: string): Promise<void> {
  const make = async (root: string): Promise<void> => {
    for (let attempts = 10; attempts > 0; attempts -= 1) {
      try {
        await mkdir(join(root, path), { recursive: true });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempts === 1) throw error;
      }
    }
  };
  await Promise.all(cgroups.roots.map(make));
}

async function removeIfEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}

async function directories(path: string): Promise<string[]> {
  const entries = await orWhenGone(readdir(path, { withFileTypes: true }), []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function orWhenGone<T>(promise: Promise<T>, value: T): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENODEV: the cgroup was removed while one of its files was open.
    if (code === 'ENOENT' || code === 'ENODEV') return value;
    throw error;
  }
}
