import { constants } from 'node:os';
import { sleep } from '../base/abort.ts';
import { jsonOfAny, specType } from '../containerd/any.ts';
import { isDeadlineExceeded, isNotFound } from '../containerd/errors.ts';
import { type Cgroups, removeCgroup } from './cgroups.ts';
import type { Engine } from './engine.ts';
import { settled } from './settled.ts';
import { shimsOf } from './shims.ts';
import type { RuntimeSpec } from './spec.ts';
import { stuck } from './stop.ts';
import { killTask } from './task.ts';

const firstPauseMs = 50;
const longestPauseMs = 2_000;
const boundMs = 60_000;
const killBoundMs = 10_000;
/** The daemon gives a shim five seconds to clean up. */
const undoBoundMs = 15_000;
const { SIGKILL } = constants.signals;

/**
 * Removes whatever there is of a container, in the order that keeps it findable until nothing runs and nothing is reserved: task, network, then record,
 * snapshot, sandbox record and cgroup. Busy mounts and a daemon that restarts are waited for, up to a minute each.
 * @throws InfrastructureError reason `stuck` when its processes do not end; ContainerdError for the rest.
 */
export async function removeContainer(engine: Engine, id: string, cgroup: string | undefined): Promise<void> {
  const { client } = engine;
  const { features, cgroups } = await engine.facts();
  await persistently(() => deleteTask(engine, id));
  if (engine.networks?.isAttached(id)) await persistently(async () => engine.networks?.detach(id), killBoundMs);
  await settled([
    persistently(() => client.call('Containers.Delete', { id })),
    persistently(() => client.call('Snapshots.Remove', { snapshotter: engine.snapshotter, key: id })),
    features.hasSandboxStore ? persistently(() => client.call('Store.Delete', { sandboxId: id })) : undefined,
    cgroup === undefined ? undefined : removeEmptied(cgroups, { id, cgroup }),
  ]);
}

/** The cgroup that the record of a container names; `undefined` when there is no record. */
export async function recordedCgroup({ client }: Engine, id: string): Promise<string | undefined> {
  try {
    const { container } = await client.call('Containers.Get', { id });
    return (jsonOfAny(container?.spec ?? null, specType) as RuntimeSpec).linux.cgroupsPath;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * A task that has ended is deleted at the first try, which spares asking. Where there is none, a `Tasks.Create` whose client died may
 * still be under way or being undone by the daemon, which its shim gives away: that is waited for, and what the daemon forgot is killed.
 */
async function deleteTask(engine: Engine, id: string): Promise<void> {
  const { namespace } = engine.client;
  const giveUp = Date.now() + undoBoundMs;
  while (!(await deleteTaskIfPresent(engine, id))) {
    const shims = await shimsOf(namespace, id);
    if (shims.length === 0) return;
    const forgotten = Date.now() < giveUp ? shims.filter(({ orphaned }) => orphaned) : shims;
    for (const { pid } of forgotten) killProcess(pid);
    if (Date.now() > giveUp + killBoundMs) throw stuck(id, `its shim (process ${shims[0]?.pid}) does not end`);
    await sleep(firstPauseMs);
  }
}

async function deleteTaskIfPresent({ client }: Engine, id: string): Promise<boolean> {
  try {
    await client.call('Tasks.Delete', { containerId: id });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    await killTask(client, id, { signal: SIGKILL, all: true });
    await ended(client, id);
    throw error;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function ended(client: Engine['client'], id: string): Promise<void> {
  try {
    await client.call('Tasks.Wait', { containerId: id }, { deadlineMs: killBoundMs });
  } catch (error) {
    if (isDeadlineExceeded(error)) throw stuck(id, 'its init process does not end', error);
    if (!isNotFound(error)) throw error;
  }
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
