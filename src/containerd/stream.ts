import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';

export interface StreamOptions {
  /** The longest wait for the daemon, in milliseconds; 0 waits for ever. */
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
  /** Turns what the call threw into the error the caller sees. */
  readonly explain: (thrown: unknown, stalled: boolean) => unknown;
}

/** A call on which requests and responses flow at the same time. */
export interface Duplex<Request, Response> {
  /** Resolves once the transport has taken the message; await it before writing more. Rejects when the call has ended. */
  write(request: Request): Promise<void>;
  /** To be read by one loop. Leaving the loop cancels the call. */
  readonly responses: AsyncIterable<Response>;
  /** No more requests; responses still come. */
  end(): void;
  /** Gives the call up. */
  cancel(): void;
}

/** The responses of a call, in order. Leaving the loop early cancels the call. */
export async function* readStream<Response extends object>(
  call: ClientReadableStream<Response>,
  options: StreamOptions,
): AsyncGenerator<Response, void, undefined> {
  const patience = new Patience(options.stallMs, () => call.cancel());
  patience.start();
  for await (const response of responsesOf(call, options, patience)) {
    patience.stop();
    yield response;
    patience.start();
  }
}

/** Wraps a bidirectional call. The daemon is waited for while it owes an answer, not while the caller has nothing to say. */
export function openDuplex<Request, Response extends object>(
  call: ClientDuplexStream<Request, Response>,
  options: StreamOptions,
): Duplex<Request, Response> {
  const patience = new Patience(options.stallMs, () => call.cancel());
  const unsent = new Set<(error: unknown) => void>();
  let failure: { readonly error: unknown } | undefined;
  const fail = (thrown: unknown): void => {
    failure ??= {
      error: options.signal?.aborted ? options.signal.reason : options.explain(thrown, patience.exhausted),
    };
    for (const reject of unsent) reject(failure.error);
    unsent.clear();
  };
  const onAbort = (): void => call.cancel();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  call.on('error', fail);
  call.on('close', () => {
    patience.stop();
    options.signal?.removeEventListener('abort', onAbort);
    fail(new Error('the call has ended'));
  });

  let owed = 0;
  let ended = false;
  const send = (request: Request): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure.error);
      unsent.add(reject);
      call.write(request, (error?: Error | null) => {
        unsent.delete(reject);
        if (error) reject(options.explain(error, patience.exhausted));
        else resolve();
      });
    });
  async function* responses(): AsyncGenerator<Response, void, undefined> {
    for await (const response of responsesOf(call, options, patience)) {
      owed = Math.max(0, owed - 1);
      if (owed > 0 || ended) patience.start();
      else patience.stop();
      yield response;
    }
  }
  return {
    write: (request) => {
      owed += 1;
      patience.start();
      return send(request);
    },
    responses: responses(),
    end: () => {
      ended = true;
      patience.start();
      call.end();
    },
    cancel: () => call.cancel(),
  };
}

async function* responsesOf<Response extends object>(
  call: ClientReadableStream<Response>,
  { signal, explain }: StreamOptions,
  patience: Patience,
): AsyncGenerator<Response, void, undefined> {
  const onAbort = (): void => call.cancel();
  // A call that is cancelled reports it as an error event even when nobody reads any more.
  call.on('error', () => {});
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    yield* call as AsyncIterable<Response>;
  } catch (error) {
    signal?.throwIfAborted();
    throw explain(error, patience.exhausted);
  } finally {
    patience.stop();
    signal?.removeEventListener('abort', onAbort);
    call.cancel();
  }
}

/** A timer that gives up when it has run for so long; 0 never does. */
class Patience {
  #timer: NodeJS.Timeout | undefined;
  #exhausted = false;
  readonly #ms: number;
  readonly #giveUp: () => void;

  constructor(ms: number, giveUp: () => void) {
    this.#ms = ms;
    this.#giveUp = giveUp;
  }

  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Starts anew. */
  start(): void {
    this.stop();
    if (this.#ms > 0) this.#timer = setTimeout(() => this.#end(), this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #end(): void {
    this.#exhausted = true;
    this.#giveUp();
  }
}
