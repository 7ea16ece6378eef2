import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cgroups } from './cgroups.ts';

/** Bytes a second; no disk comes near it. */
const unreachable = 2 ** 60;

/**
 * Makes cgroup v1 count what the containers below `cgroup` read from and write to the disk that holds `path`: its kernel counts nothing on
 * a disk before somebody limits it, so a limit is set that nothing reaches. Version 2 counts by itself. Nothing depends on it: whatever
 * cannot be found or set stays uncounted.
 */
export async function countTransfers(cgroups: Cgroups, cgroup: string, path: string): Promise<void> {
  if (cgroups.version === 'v2') return;
  try {
    const disk = await diskOf((await stat(path)).dev);
    const files = limitFiles(cgroups, cgroup);
    await Promise.allSettled(files.map((file) => writeFile(file, `${disk} ${unreachable}`, { flag: 'r+' })));
  } catch {
    // No disk of its own: a tmpfs, an overlay, or a file system over several disks.
  }
}

/** Whether a container that has no numbers has moved nothing, because somebody counts. */
export async function countsTransfers(cgroups: Cgroups, cgroup: string): Promise<boolean> {
  const files =
    cgroups.version === 'v2' ? [join(cgroups.processRoot, cgroup, 'io.stat')] : limitFiles(cgroups, dirname(cgroup));
  const found = await Promise.allSettled(files.map((file) => readFile(file, 'utf8')));
  return found.some((each) => each.status === 'fulfilled' && (cgroups.version === 'v2' || each.value !== ''));
}

/** In whichever hierarchy it is. */
function limitFiles({ roots }: Cgroups, cgroup: string): readonly string[] {
  return roots.map((root) => join(root, cgroup, 'blkio.throttle.write_bps_device'));
}

/** `major:minor` of the disk, or of the one whose partition it is: limits are for whole disks. */
async function diskOf(device: number): Promise<string> {
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  const folder = await realpath(`/sys/dev/block/${major}:${minor}`);
  const isPartition = await stat(join(folder, 'partition')).then(
    () => true,
    () => false,
  );
  return (await readFile(join(isPartition ? dirname(folder) : folder, 'dev'), 'utf8')).trim();
}
