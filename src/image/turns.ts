import { untilAborted } from '../base/abort.ts';

/** Lets holders of the same key in one after another; other keys do not wait. For work that another may have done meanwhile. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when its turn has come. An abort while waiting gives the turn up and throws the signal's reason. */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const { promise: done, resolve: leave } = Promise.withResolvers<void>();
    const mine = before.then(() => done);
    this.#last.set(key, mine);
    try {
      await untilAborted(before, signal);
      return await work();
    } finally {
      leave();
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
