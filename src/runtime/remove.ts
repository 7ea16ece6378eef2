import { sleep } from '../base/abort.ts';
import { isNotFound } from '../containerd/errors.ts';
import { deleteSandbox } from '../containerd/sandbox.ts';
import { type Cgroups, removeCgroup } from './cgroups.ts';
import { deleteTask } from './delete-task.ts';
import type { Engine } from './engine.ts';
import { settled } from './settled.ts';
import { stuck } from './stop.ts';
import { removeState, type Traces } from './traces.ts';

const firstPauseMs = 50;
const longestPauseMs = 2_000;
const boundMs = 60_000;
const killBoundMs = 10_000;

/**
 * Removes whatever there is of a container, in the order that keeps it findable until nothing runs and nothing is reserved: task,
 * network, then snapshot, sandbox record, cgroup and what the OCI runtime kept, and at last the record. Busy mounts and a daemon that restarts are waited for, up to a minute each.
 * @throws InfrastructureError reason `stuck` when its processes do not end; ContainerdError for the rest.
 */
export async function removeContainer(engine: Engine, traces: Traces): Promise<void> {
  const { client } = engine;
  const { id, cgroup } = traces;
  const { features, cgroups } = await engine.facts();
  await deleteTask(engine, traces);
  if (engine.networks?.isAttached(id)) await persistently(async () => engine.networks?.detach(id), killBoundMs);
  await settled([
    removeState(client, traces),
    persistently(() => client.call('Snapshots.Remove', { snapshotter: engine.snapshotter, key: id })),
    features.hasSandboxStore ? persistently(() => deleteSandbox(client, id, features)) : undefined,
    cgroup === undefined ? undefined : removeEmptied(cgroups, { id, cgroup }),
  ]);
  // Last, because it is by the record that a sweep finds the rest.
  await persistently(() => client.call('Containers.Delete', { id }));
}

async function removeEmptied(cgroups: Cgroups, { id, cgroup }: { readonly id: string; readonly cgroup: string }) {
  try {
    await persistently(() => removeCgroup(cgroups, cgroup), killBoundMs);
  } catch (error) {
    throw stuck(id, `its cgroup ${cgroup} cannot be removed`, error);
  }
}

/** Repeats what fails, with growing pauses; "not found" is success, `stuck` is final. */
async function persistently(work: () => Promise<unknown>, forMs = boundMs): Promise<void> {
  const giveUp = Date.now() + forMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      await work();
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (Date.now() + pauseMs > giveUp || isStuck(error)) throw error;
    }
    await sleep(pauseMs);
  }
}

function isStuck(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'stuck';
}
