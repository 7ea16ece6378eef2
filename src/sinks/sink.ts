import type { Emit } from '../base/events.ts';

/** A place where events go. `emit` never throws and never waits. */
export interface Sink {
  readonly emit: Emit;
  /**
   * `undefined` while there is room; else resolves when there is room again, or after two seconds at most. Whoever produces much and can wait,
   * waits for it, and then a reader that reads loses nothing. Once a reader has been found stuck, nobody waits until it reads again.
   */
  ready(): Promise<void> | undefined;
  /** Resolves when everything emitted so far is out, or when `deadlineMs` milliseconds have passed; never rejects. */
  flush(deadlineMs: number): Promise<void>;
  /** Flushes for the last time, one second unless told otherwise, and lets go of what would keep the process alive; later events are ignored. */
  close(deadlineMs?: number): Promise<void>;
}
