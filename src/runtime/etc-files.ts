import { chmod, chown, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lowerDirectories } from '../image/rootfs.ts';
import type { Attached } from './network/types.ts';
import { type RootfsMounts, writableLayer } from './rootfs-mounts.ts';

/**
 * Puts `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` (empty without a network) into the writable layer before it is mounted:
 * nothing to bind, nothing to remove, and images without `/etc` get one. An `/etc` that is no directory is left alone, as are
 * snapshotters that do not show their writable layer.
 */
export async function writeEtcFiles(mounts: RootfsMounts, hostname: string, attached?: Attached): Promise<void> {
  const layer = writableLayer(mounts);
  if (layer === undefined) return;
  const etc = join(layer, 'etc');
  if (!(await makeDirectory(etc, await attributesBelow(lowerDirectories(mounts) ?? [])))) return;
  await Promise.all(
    Object.entries(contents(hostname, attached)).map(async ([name, content]) => {
      // In a layer that is a full copy the image's own entry may be there, and may be a link that leads out of it.
      await rm(join(etc, name), { force: true, recursive: true });
      await writeFile(join(etc, name), content, { flag: 'wx', mode: 0o644 });
    }),
  );
}

/** Docker's files; without a network the container's own name is not among the hosts. */
function contents(hostname: string, attached: Attached | undefined): Record<string, string> {
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...(attached === undefined ? [] : [`${attached.address}\t${hostname}`]),
  ];
  return { hosts: `${hosts.join('\n')}\n`, hostname: `${hostname}\n`, 'resolv.conf': attached?.resolvConf ?? '' };
}

interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What the image's own `/etc` looks like: the one in the writable layer hides its attributes. */
async function attributesBelow(layers: readonly string[]): Promise<Attributes | 'not-a-directory'> {
  for (const layer of layers) {
    const found = await lstat(join(layer, 'etc')).catch(() => undefined);
    if (found !== undefined) return found.isDirectory() ? found : 'not-a-directory';
  }
  return { mode: 0o755, uid: 0, gid: 0 };
}

async function makeDirectory(path: string, attributes: Attributes | 'not-a-directory'): Promise<boolean> {
  if (attributes === 'not-a-directory') return false;
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await lstat(path)).isDirectory();
  }
  await chmod(path, attributes.mode & 0o7777);
  await chown(path, attributes.uid, attributes.gid);
  return true;
}
