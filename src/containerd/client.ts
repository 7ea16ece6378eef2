import { type Client, connectivityState, Metadata, type ServiceError } from '@grpc/grpc-js';
import { sleep, untilAborted } from '../base/abort.ts';
import type { Methods } from '../gen/containerd.ts';
import { openChannel } from './channel.ts';
import { decodeMessage, encodeMessage, methodOf } from './codec.ts';
import { ContainerdError, codeOf, isUnavailable } from './errors.ts';
import { reads } from './reads.ts';
import { type Duplex, openDuplex, readStream } from './stream.ts';

type MethodOf<Kind> = { [M in keyof Methods]: Methods[M]['kind'] extends Kind ? M : never }[keyof Methods];
export type UnaryMethod = MethodOf<'unary'>;
export type ServerStreamMethod = MethodOf<'server-stream'>;
export type DuplexMethod = MethodOf<'duplex'>;
export type RequestOf<M extends keyof Methods> = Methods[M]['request'];
export type ResponseOf<M extends keyof Methods> = Methods[M]['response'];

export interface CallOptions {
  /** New content, ingests, snapshots and images made by the call are attached to this lease. */
  readonly lease?: string;
  /**
   * Milliseconds; 30 s when absent, 0 for none. A unary call fails with DEADLINE_EXCEEDED after it;
   * a stream does when the daemon is silent for so long while it is waited for (`Events.Subscribe` waits for ever unless told otherwise).
   */
  readonly deadlineMs?: number;
  /** Gives the call up and rejects with the signal's reason. Never for calls that acquire something. */
  readonly signal?: AbortSignal;
}

/** A connection to one containerd, speaking for one namespace. */
export interface Containerd {
  /** Absolute path of the socket. */
  readonly address: string;
  readonly namespace: string;
  /**
   * One request, one response. While a daemon that answered before is away, every call waits up to 5 s for it before it is sent;
   * a call that was under way fails with UNAVAILABLE, and only reads are then repeated. @throws ContainerdError
   */
  call<M extends UnaryMethod>(method: M, request: RequestOf<M>, options?: CallOptions): Promise<ResponseOf<M>>;
  /** One request, many responses. The call starts with the loop, and leaving the loop cancels it. @throws ContainerdError from the loop */
  stream<M extends ServerStreamMethod>(
    method: M,
    request: RequestOf<M>,
    options?: CallOptions,
  ): AsyncIterable<ResponseOf<M>>;
  /** Many requests, many responses; the call starts at once. @throws ContainerdError from `write` and from the loop over the responses */
  duplex<M extends DuplexMethod>(method: M, options?: CallOptions): Duplex<RequestOf<M>, ResponseOf<M>>;
  /** The same connection, speaking for another namespace. */
  withNamespace(namespace: string): Containerd;
  /** Closes the connection, also for every `withNamespace` of it. Calls under way fail with CANCELLED, later ones throw. */
  close(): void;
}

const defaultDeadlineMs = 30_000;
/** How long a daemon that restarts is waited for. */
const patienceMs = 5_000;
const retryEveryMs = 50;

/** Opens no connection yet: the first call does. `address` is the absolute path of containerd's socket, with or without `unix://`. */
export function connectContainerd({ address, namespace }: { address: string; namespace: string }): Containerd {
  const path = address.replace(/^unix:(\/\/)?/, '');
  return new Connection(
    { client: openChannel(path), path, answered: false, closed: false, calls: new Set() },
    namespace,
  );
}

interface Wire {
  readonly client: Client;
  readonly path: string;
  /** Whether the daemon has ever answered on this connection. */
  answered: boolean;
  closed: boolean;
  /** Calls under way, which grpc would leave running when the channel is closed. */
  readonly calls: Set<Call>;
}

/** What every kind of call can do; grpc emits `status` once, at its end. */
interface Call {
  cancel(): void;
  once(event: 'status', listener: () => void): unknown;
}

class Connection implements Containerd {
  readonly #wire: Wire;
  readonly namespace: string;

  constructor(wire: Wire, namespace: string) {
    this.#wire = wire;
    this.namespace = namespace;
  }

  get address(): string {
    return this.#wire.path;
  }

  async call<M extends UnaryMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions = {},
  ): Promise<ResponseOf<M>> {
    const giveUp = Date.now() + Math.min(patienceMs, options.deadlineMs || patienceMs);
    for (;;) {
      await this.#reconnected(giveUp, options.signal);
      try {
        return await this.#unary(method, request, options);
      } catch (error) {
        const again = isUnavailable(error) && reads.has(method) && this.#wire.answered && Date.now() < giveUp;
        if (!again) throw error;
      }
      await sleep(retryEveryMs, options.signal);
    }
  }

  async *stream<M extends ServerStreamMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions = {},
  ): AsyncGenerator<ResponseOf<M>> {
    options.signal?.throwIfAborted();
    await this.#reconnected(Date.now() + patienceMs, options.signal);
    const { path, encode, decode } = this.#shape(method);
    const call = this.#wire.client.makeServerStreamRequest(path, encode, decode, request, this.#metadata(options), {});
    this.#track(call);
    yield* readStream(call, this.#streamOptions(method, options));
  }

  duplex<M extends DuplexMethod>(method: M, options: CallOptions = {}): Duplex<RequestOf<M>, ResponseOf<M>> {
    options.signal?.throwIfAborted();
    const { path, encode, decode } = this.#shape(method);
    const call = this.#wire.client.makeBidiStreamRequest(path, encode, decode, this.#metadata(options), {});
    this.#track(call);
    return openDuplex(call, this.#streamOptions(method, options));
  }

  withNamespace(namespace: string): Containerd {
    return new Connection(this.#wire, namespace);
  }

  close(): void {
    this.#wire.closed = true;
    this.#wire.client.close();
    for (const call of this.#wire.calls) call.cancel();
  }

  #track(call: Call): void {
    this.#wire.calls.add(call);
    call.once('status', () => this.#wire.calls.delete(call));
  }

  /** Lets a call that would meet a daemon in its restart wait instead of fail: nothing was sent yet, so nothing can happen twice. */
  async #reconnected(giveUp: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#wire.answered || this.#wire.closed || this.#isConnected()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wire.client.waitForReady(giveUp, () => resolve());
    await (signal === undefined ? promise : untilAborted(promise, signal));
  }

  #isConnected(): boolean {
    return !this.#wire.closed && this.#wire.client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  #unary<M extends UnaryMethod>(method: M, request: RequestOf<M>, options: CallOptions): Promise<ResponseOf<M>> {
    const { signal, deadlineMs = defaultDeadlineMs } = options;
    signal?.throwIfAborted();
    const { path, encode, decode } = this.#shape(method);
    const deadline = deadlineMs === 0 ? Number.POSITIVE_INFINITY : Date.now() + deadlineMs;
    const { promise, resolve, reject } = Promise.withResolvers<ResponseOf<M>>();
    const call = this.#wire.client.makeUnaryRequest(
      path,
      encode,
      decode,
      request,
      this.#metadata(options),
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', onAbort);
        this.#wire.answered ||= this.#isConnected();
        if (error === null && response !== undefined) resolve(response);
        else reject(signal?.aborted ? signal.reason : this.#explain(method, error, Date.now() >= deadline));
      },
    );
    this.#track(call);
    const onAbort = (): void => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  #shape<M extends keyof Methods>(method: M) {
    if (this.#wire.closed)
      throw new Error(`${method} called on a closed connection to containerd at ${this.#wire.path}`);
    const { path, request, response } = methodOf(method);
    return {
      path,
      encode: (value: RequestOf<M>): Buffer => encodeMessage(request, value),
      decode: (bytes: Buffer): ResponseOf<M> => decodeMessage(response, bytes) as unknown as ResponseOf<M>,
    };
  }

  #metadata({ lease }: CallOptions): Metadata {
    const metadata = new Metadata();
    metadata.set('containerd-namespace', this.namespace);
    if (lease !== undefined) metadata.set('containerd-lease', lease);
    return metadata;
  }

  #streamOptions(method: keyof Methods, { signal, deadlineMs }: CallOptions) {
    const stallMs = deadlineMs ?? (method === 'Events.Subscribe' ? 0 : defaultDeadlineMs);
    return { stallMs, signal, explain: (thrown: unknown, stalled: boolean) => this.#explain(method, thrown, stalled) };
  }

  #explain(method: keyof Methods, thrown: unknown, late: boolean): unknown {
    if (!isServiceError(thrown)) return thrown;
    const code = codeOf(thrown.code);
    return new ContainerdError({
      // containerd reports a deadline that passed on its side as a cancellation (2.x) or without a code (1.6, from a shim).
      code: late && (code === 'CANCELLED' || code === 'UNKNOWN') ? 'DEADLINE_EXCEEDED' : code,
      method,
      details: thrown.details,
      address: this.#wire.path,
      answered: code !== 'UNAVAILABLE' || this.#isConnected(),
      cause: thrown,
    });
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown;
}
