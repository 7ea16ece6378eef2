import { rm, statfs, writeFile } from 'node:fs/promises';
import { privateDirectory } from '../../base/files.ts';
import { succeed } from './commands.ts';
import { namespacePath, namespacesFolder } from './places.ts';

/** `f_type` of a namespace file (linux/magic.h, NSFS_MAGIC). */
const nsfs = 0x6e736673;
const mostMounts = 8;

/**
 * Makes a network namespace that lives without a process, bound to its file: `lo` is up, and interfaces that come later have no IPv6.
 * The mount belongs to the mount namespace we are in, which must be containerd's.
 */
export async function createNamespace(directory: string, id: string): Promise<void> {
  const path = namespacePath(directory, id);
  await privateDirectory(namespacesFolder(directory));
  await writeFile(path, '', { mode: 0o600, flag: 'wx' });
  const inside = 'ip link set lo up && if [ -e "$1" ]; then echo 1 >"$1"; fi';
  const noIpv6 = '/proc/sys/net/ipv6/conf/default/disable_ipv6';
  await succeed('unshare', [`--net=${path}`, '--', 'sh', '-c', inside, 'sh', noIpv6]);
}

/** Whether there is a namespace behind the file. */
export async function isNamespace(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === nsfs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** With its last reference the namespace goes, and with it what is left of its interfaces. */
export async function removeNamespace(directory: string, id: string): Promise<void> {
  const path = namespacePath(directory, id);
  for (let mounts = 0; mounts < mostMounts && (await isNamespace(path)); mounts += 1) await succeed('umount', [path]);
  await rm(path, { force: true });
}
