import { setTimeout as delay } from 'node:timers/promises';
import { Stopped } from '../base/errors.ts';
import type { Container, TaskExit } from '../runtime/types.ts';
import type { JobContext } from './context.ts';
import type { StageOutput } from './stage-output.ts';
import type { KilledBy } from './verdict.ts';

/** After a timeout (contract: SIGKILL two seconds later), a flood of output, or a full disk. */
const shortGraceMs = 2_000;

/** What may end a container before it ends itself. */
export interface Watch {
  readonly deadline: number;
  readonly output: Pick<StageOutput, 'flooded'>;
  readonly context: Pick<JobContext, 'signal' | 'settings'>;
}

/** Waits for the exit; ends the container when its time is over, the job is stopped, or its log floods. First reason wins. */
export async function supervise(
  container: Container,
  watch: Watch,
): Promise<{ readonly exit: TaskExit; readonly killedBy: KilledBy | undefined }> {
  const { signal, settings } = watch.context;
  const over = new AbortController();
  const exit = container.wait();
  const first = await Promise.race([
    exit.then(() => undefined),
    delay(Math.max(0, watch.deadline - Date.now()), 'timeout' as const, { signal: over.signal }).catch(() => undefined),
    aborted(signal, over.signal),
    watch.output.flooded.then(() => 'quota' as const),
  ]).finally(() => over.abort());
  if (first !== undefined) {
    const isAsked = first === 'stop' && signal.reason instanceof Stopped;
    await container.stop(isAsked ? settings.graceMs : shortGraceMs);
  }
  const ended = await exit;
  // The time was up when we came to look; the container may have ended long before.
  const inTime = first === 'timeout' && Date.parse(ended.exitedAt) < watch.deadline;
  return { exit: ended, killedBy: inTime ? undefined : first };
}

function aborted(signal: AbortSignal, over: AbortSignal): Promise<'stop'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stop');
    const onAbort = (): void => resolve('stop');
    signal.addEventListener('abort', onAbort, { once: true });
    over.addEventListener('abort', () => signal.removeEventListener('abort', onAbort), { once: true });
  });
}
