import type { ResponseOf } from '../containerd/client.ts';

/** How a snapshotter wants a root file system mounted. */
export type RootfsMounts = ResponseOf<'Snapshots.Prepare'>['mounts'];

/** The directory that takes what the container writes; `undefined` for a snapshotter that does not show it. */
export function writableLayer(mounts: RootfsMounts): string | undefined {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  if (mount.type === 'overlay') return optionOf(mount.options, 'upperdir');
  return mount.type === 'bind' && mount.options.includes('rw') ? mount.source : undefined;
}

/** The same mounts for a root that is thrown away: nothing of an overlay need reach the disk when it is unmounted. */
export function throwaway(mounts: RootfsMounts): RootfsMounts {
  return mounts.map((mount) =>
    mount.type === 'overlay' ? { ...mount, options: [...mount.options, 'volatile'] } : mount,
  );
}

function optionOf(options: readonly string[], name: string): string | undefined {
  return options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}
