import type { Containerd, RequestOf, ResponseOf } from '../containerd/client.ts';
import { isAlreadyExists } from '../containerd/errors.ts';
import type { Duplex } from '../containerd/stream.ts';

export interface Ingest {
  readonly lease: string;
  /** Locks the ingest against other writers, and names it when it is resumed. */
  readonly ref: string;
  /** Bytes of the whole blob. */
  readonly total: number;
  /** The blob's digest when it is known before it is read. */
  readonly expected?: string;
}

type Request = RequestOf<'Content.Write'>;
type Response = ResponseOf<'Content.Write'>;

const chunkBytes = 128 * 1024;
const maxUnanswered = 4;
const stallMs = 300_000;

/**
 * One write into the content store. Several chunks are under way at a time; each request has one response, in order.
 * Disposing before `commit` keeps what was written as a partial ingest, to be resumed under the same ref.
 */
export class ContentWriter implements Disposable {
  readonly #call: Duplex<Request, Response>;
  readonly #responses: AsyncIterator<Response>;
  readonly #ingest: Ingest;
  /** Filled by `write`, sent when full: grpc has copied it when it says that a message is on its way. */
  readonly #batch = Buffer.allocUnsafeSlow(chunkBytes);
  #batched = 0;
  #written = 0;
  #unanswered = 0;

  private constructor(client: Containerd, ingest: Ingest, signal: AbortSignal) {
    this.#ingest = ingest;
    this.#call = client.duplex('Content.Write', { lease: ingest.lease, signal, deadlineMs: stallMs });
    this.#responses = this.#call.responses[Symbol.asyncIterator]();
  }

  /** Locks the ref. `undefined` when the expected blob is there already. @throws ContainerdError; UNAVAILABLE when another writer holds the ref */
  static async open(client: Containerd, ingest: Ingest, signal: AbortSignal): Promise<ContentWriter | undefined> {
    const writer = new ContentWriter(client, ingest, signal);
    try {
      const { ref, total, expected } = ingest;
      const status = await writer.#ask({ action: 'STAT', ref, total, ...(expected !== undefined && { expected }) });
      writer.#written = status.offset;
      return writer;
    } catch (error) {
      writer[Symbol.dispose]();
      if (isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  /** Bytes taken so far, those of an earlier attempt included: where to go on. */
  get offset(): number {
    return this.#written + this.#batched;
  }

  /** Takes the next bytes; resolves when there is room for more. @throws ContainerdError */
  async write(data: Uint8Array): Promise<void> {
    for (let rest = data; rest.length > 0; ) {
      const part = rest.subarray(0, chunkBytes - this.#batched);
      this.#batch.set(part, this.#batched);
      this.#batched += part.length;
      rest = rest.subarray(part.length);
      if (this.#batched === chunkBytes) await this.#flush();
    }
  }

  /** Makes the blob visible if size and digest are right; a blob that appeared meanwhile is as good. @throws ContainerdError, FAILED_PRECONDITION for wrong content */
  async commit(digest: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const { total } = this.#ingest;
    try {
      await this.#flush();
      await this.#call.write({ action: 'COMMIT', total, offset: this.#written, expected: digest, labels });
      for (;;) {
        const { done, value } = await this.#responses.next();
        if (done || value.action === 'COMMIT') break;
      }
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    // Nobody reads the rest of the responses; the iterator lets go of its listeners.
    this.#responses.return?.().catch(() => {});
  }

  async #flush(): Promise<void> {
    if (this.#batched === 0) return;
    const data = this.#batch.subarray(0, this.#batched);
    this.#batched = 0;
    const offset = this.#written;
    this.#written += data.length;
    await this.#call.write({ action: 'WRITE', offset, data });
    this.#unanswered += 1;
    if (this.#unanswered < maxUnanswered) return;
    await this.#answer();
    this.#unanswered -= 1;
  }

  async #ask(request: Request): Promise<Response> {
    const [response] = await Promise.all([this.#answer(), this.#call.write(request)]);
    return response;
  }

  async #answer(): Promise<Response> {
    const { done, value } = await this.#responses.next();
    if (done) throw new Error('containerd ended a write without an answer');
    return value;
  }
}
