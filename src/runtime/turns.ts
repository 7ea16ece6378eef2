import { sleep } from '../base/abort.ts';
import { exclusively } from '../base/exclusive.ts';
import { Semaphore } from '../base/semaphore.ts';

/** Lets work wait for its turn. */
export interface Turns {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Whoever holds a turn for so long has hung, or is not one of us. */
const longestWaitMs = 60_000;
const lookEveryMs = 10;

/**
 * At most `slots` pieces of work at a time under this name, counted over all processes of the machine that say so. In a process they go in
 * the order they came; among processes by chance. A turn ends with its process, and none is waited for longer than a minute: this spares
 * the machine, and nothing goes wrong when it does not hold.
 */
export function machineWide(name: string, slots: number): Turns {
  const inThisProcess = new Semaphore(slots);
  return { run: (work) => inThisProcess.run(() => amongProcesses(name, slots, work)) };
}

async function amongProcesses<T>(name: string, slots: number, work: () => Promise<T>): Promise<T> {
  for (const giveUp = Date.now() + longestWaitMs; Date.now() < giveUp; await sleep(lookEveryMs)) {
    for (let slot = 0; slot < slots; slot += 1) {
      const done = await exclusively(`${name} ${slot}`, async () => ({ value: await work() }));
      if (done !== undefined) return done.value;
    }
  }
  return await work();
}
