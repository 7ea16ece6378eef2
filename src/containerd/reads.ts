import type { Methods } from '../gen/containerd.ts';

/** Methods that change nothing, so that asking twice is asking once. */
export const reads: ReadonlySet<keyof Methods> = new Set<keyof Methods>([
  'Containers.Get',
  'Containers.List',
  'Content.Info',
  'Content.ListStatuses',
  'Content.Status',
  'Images.Get',
  'Images.List',
  'Introspection.Plugins',
  'Introspection.Server',
  'Leases.List',
  'Leases.ListResources',
  'Namespaces.Get',
  'Namespaces.List',
  'Snapshots.Mounts',
  'Snapshots.Stat',
  'Snapshots.Usage',
  'Store.Get',
  'Store.List',
  'Tasks.Get',
  'Tasks.List',
  'Tasks.ListPids',
  'Tasks.Metrics',
  'Version.Version',
]);
