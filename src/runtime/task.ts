import { sleep } from '../base/abort.ts';
import { InfrastructureError } from '../base/errors.ts';
import type { Containerd, ResponseOf } from '../containerd/client.ts';
import { type Code, ContainerdError, isNotFound, isUnavailable } from '../containerd/errors.ts';
import type { TaskExit, TaskStatus } from './types.ts';

/**
 * The exit of a task, awaited through restarts of the daemon and losses of the connection, without a time limit.
 * @throws InfrastructureError reason `lost` when there is no such task any more.
 */
export async function awaitExit(client: Containerd, id: string): Promise<TaskExit> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return exitOf(id, await client.call('Tasks.Wait', { containerId: id }, { deadlineMs: 0 }));
    } catch (error) {
      if (isNotFound(error)) throw lost(id, error);
      if (!mayPass(error)) throw error;
    }
    const known = await exitIfStopped(client, id);
    if (known !== undefined) return known;
    await sleep(pauseMs);
  }
}

const firstPauseMs = 20;
const longestPauseMs = 2_000;

/** The connection, the daemon or the shim went away under the call; what became of the task is still to be asked. */
const passing: readonly Code[] = [
  'UNAVAILABLE',
  'CANCELLED',
  'UNKNOWN',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
];

function mayPass(error: unknown): boolean {
  return error instanceof ContainerdError && passing.includes(error.code);
}

async function exitIfStopped(client: Containerd, id: string): Promise<TaskExit | undefined> {
  try {
    const { process } = await client.call('Tasks.Get', { containerId: id });
    return process?.status === 'STOPPED' ? exitOf(id, process) : undefined;
  } catch (error) {
    if (isNotFound(error)) throw lost(id, error);
    if (mayPass(error)) return undefined;
    throw error;
  }
}

type ExitFields = Pick<ResponseOf<'Tasks.Wait'>, 'exitStatus' | 'exitedAt'>;

function exitOf(id: string, { exitStatus, exitedAt }: ExitFields): TaskExit {
  // Go's zero time, year 1, stands for "never": the daemon made the status up after it lost the shim.
  if (exitedAt === null || exitedAt.seconds <= 0) throw lost(id);
  const milliseconds = exitedAt.seconds * 1000 + exitedAt.nanos / 1e6;
  return { code: exitStatus, exitedAt: new Date(milliseconds).toISOString() };
}

/** The state of the task, or `undefined` when there is none. A paused task counts as running. */
export async function taskStatus(client: Containerd, id: string): Promise<TaskStatus | undefined> {
  try {
    const { process } = await client.call('Tasks.Get', { containerId: id });
    if (process?.status === 'CREATED') return 'created';
    return process?.status === 'STOPPED' ? 'stopped' : 'running';
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Signals the init process, or with `all` every process of the container. One that has ended already is fine; a daemon that restarts is
 * waited for.
 */
export async function killTask(
  client: Containerd,
  id: string,
  { signal, all = false }: { readonly signal: number; readonly all?: boolean },
): Promise<void> {
  try {
    await throughRestart(() =>
      client.call('Tasks.Kill', { containerId: id, signal, all }, { deadlineMs: killDeadlineMs }),
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const killDeadlineMs = 10_000;

/**
 * Starts a created task; one that runs or has ended was started by an earlier call.
 * @throws InfrastructureError reason `lost` when there is none, or when nobody can tell whether it ever ran.
 */
export async function startTask(client: Containerd, id: string): Promise<void> {
  let isCutOff = false;
  try {
    await throughRestart(() => client.call('Tasks.Start', { containerId: id }), {
      onUnavailable: () => {
        isCutOff = true;
      },
    });
  } catch (error) {
    const status = await taskStatus(client, id);
    if (status === undefined) throw lost(id, error);
    if (status === 'created') throw error;
    // The OCI runtime's own process, which waits to become the container, ends with 1 when the one that lets it go is killed with the daemon.
    if (isCutOff && (await exitAtOnce(client, id))?.code === 1) throw lost(id, error);
  }
}

const atOnceMs = 500;

async function exitAtOnce(client: Containerd, id: string): Promise<TaskExit | undefined> {
  for (const giveUp = Date.now() + atOnceMs; ; await sleep(firstPauseMs)) {
    const exit = await exitIfStopped(client, id);
    if (exit !== undefined || Date.now() > giveUp) return exit;
  }
}

const restartMs = 10_000;
const askAgainMs = 100;

/** Repeats a call that may be made twice while there is no connection to the daemon. */
async function throughRestart(
  call: () => Promise<unknown>,
  { onUnavailable }: { readonly onUnavailable?: () => void } = {},
): Promise<void> {
  for (const giveUp = Date.now() + restartMs; ; ) {
    try {
      await call();
      return;
    } catch (error) {
      if (!isUnavailable(error) || Date.now() > giveUp) throw error;
      onUnavailable?.();
    }
    await sleep(askAgainMs);
  }
}

/** The task is gone and took its exit with it: never guessed, never hidden. */
export function lost(id: string, cause?: unknown): InfrastructureError {
  return new InfrastructureError(`container ${id} has vanished, and how it ended is not known`, {
    reason: 'lost',
    hint: 'The machine or the shim of the container was restarted or killed.',
    cause,
  });
}
