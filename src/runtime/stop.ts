import { constants } from 'node:os';
import { sleep, within } from '../base/abort.ts';
import { InfrastructureError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { type Cgroups, countProcesses, killProcesses } from './cgroups.ts';
import { killTask, taskStatus } from './task.ts';

export interface StopRequest {
  readonly id: string;
  readonly graceMs: number;
  /** Settles when the task has exited or vanished. */
  readonly exited: Promise<unknown>;
  readonly cgroups: Cgroups;
  /** Absent when it is not known; then only the task itself is waited for. */
  readonly cgroup: string | undefined;
}

const boundMs = 10_000;
const lookEveryMs = 20;
const { SIGTERM, SIGKILL } = constants.signals;

/**
 * SIGTERM to the init process, the grace, SIGKILL to all; then until nothing of the container runs. A task that was never started is
 * killed at once.
 * @throws InfrastructureError reason `stuck` when something still runs ten seconds after SIGKILL.
 */
export async function stopTask(client: Containerd, request: StopRequest): Promise<void> {
  const { id, graceMs } = request;
  const ended = request.exited.then(
    () => true,
    () => true,
  );
  const status = await taskStatus(client, id);
  const isTold = status === 'running' && (await isDone(killTask(client, id, { signal: SIGTERM })));
  const endedInGrace = isTold ? await within(ended, graceMs) : status === 'stopped' || status === undefined;
  if (endedInGrace !== true) await kill(client, request);

  const deadline = Date.now() + boundMs;
  if ((await within(ended, boundMs)) === true) await untilEmpty(request, deadline);
  else if (!(await isEmptied(request))) throw stuck(id, 'its init process does not end');
}

/** An OCI runtime that cannot kill is done without: every process of the cgroup gets the signal from us. */
async function kill(client: Containerd, { id, cgroups, cgroup }: StopRequest): Promise<void> {
  try {
    await killTask(client, id, { signal: SIGKILL, all: true });
  } catch (error) {
    if (cgroup === undefined) throw error;
    await killProcesses(cgroups, cgroup, boundMs);
  }
}

/** A containerd that was restarted may never tell the exit of a task that nobody started; its cgroup does. */
async function isEmptied({ cgroups, cgroup }: StopRequest): Promise<boolean> {
  return cgroup !== undefined && (await killProcesses(cgroups, cgroup, boundMs));
}

async function isDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}

/** The kernel ends the other processes of the pid namespace right after init, yet not in the same instant. */
async function untilEmpty({ id, cgroups, cgroup }: StopRequest, deadline: number): Promise<void> {
  if (cgroup === undefined) return;
  for (;;) {
    const left = await countProcesses(cgroups, cgroup);
    if (left === 0) return;
    if (Date.now() > deadline) throw stuck(id, `${left} processes are left in the cgroup ${cgroup}`);
    await sleep(lookEveryMs);
  }
}

/** Killed, and still there: its place is not free again. */
export function stuck(id: string, what: string, cause?: unknown): InfrastructureError {
  return new InfrastructureError(`container ${id} could not be stopped: ${what}`, {
    reason: 'stuck',
    hint: 'Look for processes in uninterruptible sleep (state D), often on a file system that does not answer.',
    cause,
  });
}
