import { sleep } from '../../base/abort.ts';
import { InfrastructureError } from '../../base/errors.ts';
import { exclusively } from '../../base/exclusive.ts';
import { Semaphore } from '../../base/semaphore.ts';

const limitMs = 60_000;
const shortestPauseMs = 2;
const longestPauseMs = 20;

/** Runs works one at a time, in this process and in all others of the node that use the same name. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>;

export function turnsUnder(name: string): Turn {
  const here = new Semaphore(1);
  return (work) => here.run(() => amongProcesses(name, work));
}

/** Does in one turn what several ask for, when it is the same work and has not begun yet. */
export type Together = (work: () => Promise<void>) => Promise<void>;

export function togetherIn(turn: Turn): Together {
  let next: Promise<void> | undefined;
  return (work) => {
    next ??= turn(async () => {
      next = undefined;
      await work();
    }).catch((error: unknown) => {
      // It may not have begun at all.
      next = undefined;
      throw error;
    });
    return next;
  };
}

async function amongProcesses<T>(name: string, work: () => Promise<T>): Promise<T> {
  const giveUp = Date.now() + limitMs;
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const done = await exclusively(name, async () => ({ value: await work() }));
    if (done !== undefined) return done.value;
    if (Date.now() > giveUp) {
      throw new InfrastructureError(`the turn to change ${name} did not come within ${limitMs / 1000} s`, {
        hint: 'Another componentd of this node is stuck: look for it.',
      });
    }
    await sleep(pauseMs);
  }
}
