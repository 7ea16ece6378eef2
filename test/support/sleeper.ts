import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { anyOf, anyOfJson, specType } from '../../src/containerd/any.ts';
import type { Containerd } from '../../src/containerd/client.ts';
import { cgroupsAt } from './wreckage.ts';

/** Cgroup path below which the sleepers of this process live. */
export const sleeperCgroup = `/componentd-sleeper-${process.pid}`;

/** Creates and starts a task that runs the host's `sleep` in an empty root; enough of a container to wait for, to kill and to find again. */
export async function startSleeper(
  containerd: Containerd,
  { id, runcRoot }: { id: string; runcRoot: string },
): Promise<void> {
  const options = anyOf('containerd.runc.v1.Options', { root: runcRoot });
  const runtime = { name: 'io.containerd.runc.v2', options };
  await containerd.call('Containers.Create', { container: { id, runtime, spec: anyOfJson(specType, specOf(id)) } });
  const source = join(dirname(runcRoot), 'sleeper');
  await mkdir(source, { recursive: true });
  const rootfs = [{ type: 'bind', source, options: ['bind', 'rw'] }];
  await containerd.call('Tasks.Create', { containerId: id, rootfs, options });
  await containerd.call('Tasks.Start', { containerId: id });
}

/** Kills the task and removes it with its record. */
export async function removeSleeper(containerd: Containerd, id: string): Promise<void> {
  const exit = containerd.call('Tasks.Wait', { containerId: id });
  await containerd.call('Tasks.Kill', { containerId: id, signal: 9 });
  await exit;
  await containerd.call('Tasks.Delete', { containerId: id });
  await containerd.call('Containers.Delete', { id });
  await removeSleeperCgroup();
}

/** Removes the parent cgroup, which runc makes and leaves, unless another sleeper is in it. */
export async function removeSleeperCgroup(): Promise<void> {
  for (const path of await cgroupsAt(sleeperCgroup)) await rmdir(path).catch(() => {});
}

function specOf(id: string): object {
  return {
    ociVersion: '1.0.2',
    process: { args: ['/usr/bin/sleep', '600'], cwd: '/', env: [], user: { uid: 0, gid: 0 } },
    root: { path: 'rootfs', readonly: true },
    // The host's directories are mounted in the container's own mount namespace only, never where a clean-up could reach them.
    mounts: [
      { type: 'proc', source: 'proc', destination: '/proc' },
      { type: 'tmpfs', source: 'tmpfs', destination: '/dev' },
      ...['lib', 'lib64'].map((name) => ({
        type: 'bind',
        source: `/usr/${name}`,
        destination: `/${name}`,
        options: ['bind', 'ro'],
      })),
      { type: 'bind', source: '/usr', destination: '/usr', options: ['bind', 'ro'] },
    ],
    linux: {
      cgroupsPath: `${sleeperCgroup}/${id}`,
      namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'network' }],
    },
  };
}
