import { sleep } from '../../base/abort.ts';

/** A failure of the network or of a server that may pass: worth another try, within bounds. */
export class Transient extends Error {
  override readonly name = 'Transient';
  readonly retryAfterMs: number | undefined;
  /** Whether a server said so itself. */
  readonly answered: boolean;
  /** What may help if it does not pass. */
  readonly hint: string | undefined;

  constructor(message: string, options: TransientOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
    this.answered = options.answered ?? false;
    this.hint = options.hint;
  }
}

export interface TransientOptions {
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
  readonly answered?: boolean;
  readonly hint?: string | undefined;
}

export interface RetryBounds {
  readonly signal: AbortSignal;
  /** All tries and waits together end within this time. */
  readonly budgetMs: number;
  readonly attempts: number;
  readonly firstDelayMs: number;
}

/** Repeats `work` while it throws {@link Transient}, with doubling, jittered waits (a server's Retry-After wins); the last one is rethrown. */
export async function withRetries<T>(bounds: RetryBounds, work: (remainingMs: number) => Promise<T>): Promise<T> {
  const end = performance.now() + bounds.budgetMs;
  for (let attempt = 1; ; attempt += 1) {
    bounds.signal.throwIfAborted();
    try {
      return await work(end - performance.now());
    } catch (error) {
      bounds.signal.throwIfAborted();
      if (!(error instanceof Transient) || attempt >= bounds.attempts) throw error;
      const delay = error.retryAfterMs ?? bounds.firstDelayMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      if (performance.now() + delay >= end) throw error;
      await sleep(delay, bounds.signal);
    }
  }
}
