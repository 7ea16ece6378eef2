import { constants } from 'node:os';
import { sleep, within } from '../base/abort.ts';
import type { Containerd } from '../containerd/client.ts';
import { isNotFound, isUnavailable } from '../containerd/errors.ts';
import { killProcesses } from './cgroups.ts';
import type { Engine } from './engine.ts';
import { killShim, shimsOf } from './shims.ts';
import { stuck } from './stop.ts';
import { killTask, taskStatus } from './task.ts';
import type { Traces } from './traces.ts';

const deleteDeadlineMs = 20_000;
/** How long the OCI runtime and the shim are asked again before they are done without. */
const patienceMs = 10_000;
const firstPauseMs = 50;
const longestPauseMs = 2_000;
const boundMs = 60_000;
const killBoundMs = 10_000;
/** The daemon gives a shim five seconds to clean up. */
const undoBoundMs = 15_000;
const { SIGKILL } = constants.signals;

/**
 * Deletes a task in whatever state. One that has ended is deleted at the first try, which spares asking. What the OCI runtime cannot kill
 * is killed process by process, and a task that cannot be deleted loses its shim: then the daemon cleans up after it.
 * @throws InfrastructureError reason `stuck` when its processes do not end; ContainerdError when the daemon does not let go of it.
 */
export async function deleteTask(engine: Engine, traces: Traces): Promise<void> {
  const { client } = engine;
  const { id } = traces;
  const began = Date.now();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      await client.call('Tasks.Delete', { containerId: id }, { deadlineMs: deleteDeadlineMs });
      return;
    } catch (error) {
      const elapsedMs = Date.now() - began;
      if (isNotFound(error)) {
        if (await isWithoutShim(client, id, elapsedMs)) return await endForgotten(engine, traces);
        pauseMs = firstPauseMs;
      } else if (elapsedMs > boundMs) {
        throw error;
      } else if (!isUnavailable(error)) {
        await end(engine, traces);
        if (elapsedMs > patienceMs) await abandon(client, id);
      }
    }
    await sleep(pauseMs);
  }
}

/** A containerd 2.x that undoes a `Tasks.Create` whose client died may forget the process that waits in its cgroup to become the container. */
async function endForgotten(engine: Engine, { id, cgroup }: Traces): Promise<void> {
  const { cgroups } = await engine.facts();
  if (cgroup !== undefined && !(await killProcesses(cgroups, cgroup, killBoundMs)))
    throw stuck(id, 'its processes do not end');
}

/** Nothing of the container runs any more when it resolves. */
async function end(engine: Engine, { id, cgroup }: Traces): Promise<void> {
  const { client } = engine;
  const { cgroups } = await engine.facts();
  const exited = client.call('Tasks.Wait', { containerId: id }, { deadlineMs: killBoundMs }).then(
    () => true,
    (error: unknown) => isNotFound(error),
  );
  const isKilled = await killTask(client, id, { signal: SIGKILL, all: true }).then(
    () => true,
    () => false,
  );
  if (isKilled && (await exited)) return;
  if (cgroup === undefined || !(await killProcesses(cgroups, cgroup, killBoundMs)))
    throw stuck(id, 'its processes do not end');
  // The shim sees the end of its process in a moment, if it sees anything.
  await within(exited, 1_000);
}

/** Ends the shim and waits until the daemon has cleaned up after it. What the OCI runtime still keeps of the container goes with its state. */
async function abandon(client: Containerd, id: string): Promise<void> {
  for (const { pid } of await shimsOf(client.namespace, id)) await killShim(client, id, pid);
  for (const giveUp = Date.now() + undoBoundMs; Date.now() < giveUp; await sleep(firstPauseMs)) {
    if ((await taskStatus(client, id)) === undefined) return;
  }
}

/**
 * There is no task, but a `Tasks.Create` whose client died may still be under way or being undone by the daemon, which its shim gives away:
 * that is waited for, and what the daemon forgot is killed.
 */
async function isWithoutShim(client: Containerd, id: string, elapsedMs: number): Promise<boolean> {
  const shims = await shimsOf(client.namespace, id);
  if (shims.length === 0) return true;
  const forgotten = elapsedMs < undoBoundMs ? shims.filter(({ orphaned }) => orphaned) : shims;
  for (const { pid } of forgotten) await killShim(client, id, pid);
  if (elapsedMs > boundMs) throw stuck(id, `its shim (process ${shims[0]?.pid}) does not end`);
  return false;
}
