import type { Emit } from './events.ts';

type Release = () => Promise<void> | void;

interface Owned {
  readonly what: string;
  readonly release: Release;
}

/**
 * Owns what a piece of work acquired, and releases it in reverse order when disposed.
 *
 * Unlike AsyncDisposableStack, disposing never throws: a failing release becomes a `release-failed` event and the next one runs,
 * so the error that ended the work stays the error that is seen. Register a release *before* acquiring; releases tolerate "not found".
 */
export class Scope implements AsyncDisposable {
  readonly #owned: Owned[] = [];
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** Registers a release. `what` names the thing in the event if releasing fails. */
  own(what: string, release: Release): void {
    this.#owned.push({ what, release });
  }

  /** Forgets what was registered under this name: it has been released, or somebody else owns it now. */
  forget(what: string): void {
    const index = this.#owned.findIndex((owned) => owned.what === what);
    if (index >= 0) this.#owned.splice(index, 1);
  }

  /** Forgets everything without releasing it: another owner (a later process) takes over. */
  abandon(): void {
    this.#owned.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let owned = this.#owned.pop(); owned !== undefined; owned = this.#owned.pop()) {
      try {
        await owned.release();
      } catch (error) {
        this.#emit({
          type: 'release-failed',
          what: owned.what,
          message: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }
}
