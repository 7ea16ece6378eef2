import { sleep } from '../base/abort.ts';
import { InfrastructureError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { hasCode, isFailedPrecondition, isNotFound, isUnavailable } from '../containerd/errors.ts';
import type { Descriptor } from './manifest.ts';
import { Transient } from './registry/transient.ts';
import { ContentWriter, type Ingest } from './writer.ts';

export interface BlobProgress {
  /** Called with the bytes that are here, those of an earlier attempt included. */
  readonly onProgress?: (bytes: number) => void;
  /** Called while another process fetches the blob, with the bytes that it has. */
  readonly onWait?: (bytes: number) => void;
}

export interface BlobRequest extends BlobProgress {
  readonly lease: string;
  readonly descriptor: Descriptor;
  /** The name of the image it belongs to, for errors. */
  readonly image?: string;
  /** What the blob is; with the digest it makes the ref, as containerd's own tools make it. */
  readonly kind: 'index' | 'manifest' | 'config' | 'layer';
  readonly labels: Readonly<Record<string, string>>;
  /** The blob's bytes from `offset` on; may throw Transient at any time, and is then asked again for the rest. */
  readonly open: (offset: number) => Promise<AsyncIterable<Uint8Array>>;
  /**
   * Throws unless the source has the blob. containerd offers content that only another namespace has pulled without a byte being sent;
   * whoever may not fetch a blob must not get it that way.
   */
  readonly prove: () => Promise<void>;
  readonly signal: AbortSignal;
}

const maxIdleAttempts = 5;
/** An attempt that brings less counts as one that brought nothing: else a trickle would go on for ever. */
const leastProgress = 1024 * 1024;
const lockedForMs = 30 * 60_000;

/**
 * Makes sure that the content store of the namespace has the blob, and that the lease keeps it. Partial content of an earlier attempt is
 * gone on with; size and digest are verified. Answers whether bytes were written. Another writer of the same blob is waited for.
 * @throws InfrastructureError when the source fails or gives something else, twice; whatever `open` throws; ContainerdError
 */
export async function ensureBlob(client: Containerd, request: BlobRequest): Promise<'written' | 'present'> {
  const { lease, descriptor, kind } = request;
  const { digest, size } = descriptor;
  const ingest: Ingest = { lease, ref: `${kind}-${digest}`, total: size, expected: digest };
  for (let attempt = 1; ; attempt += 1) {
    using writer = await openWhenFree(client, ingest, request);
    if (writer === undefined) return 'present';
    try {
      if (writer.offset > size) throw new WrongContent();
      if (writer.offset === size) await request.prove();
      await fill(writer, request);
      await writer.commit(digest, request.labels);
      return 'written';
    } catch (error) {
      if (!(error instanceof WrongContent) && !isFailedPrecondition(error)) throw error;
      writer[Symbol.dispose]();
      await abortIngest(client, ingest.ref);
      if (attempt === 2) {
        throw new InfrastructureError(
          `${belonging(request)}what was sent as ${digest} (${size} bytes) has another digest or size`,
          {
            cause: error,
            reason: 'wrong_content',
          },
        );
      }
    }
  }
}

/** The bytes of a blob in the content store; `undefined` when it is not there, or longer than `limit`. */
export async function readBlob(client: Containerd, digest: string, limit: number): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const { data } of client.stream('Content.Read', { digest })) {
      size += data.length;
      if (size > limit) return undefined;
      parts.push(data);
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return Buffer.concat(parts, size);
}

/** Sets labels on a blob and leaves its others as they are. */
export async function labelBlob(
  client: Containerd,
  digest: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const paths = Object.keys(labels).map((key) => `labels.${key}`);
  if (paths.length > 0) await client.call('Content.Update', { info: { digest, labels }, updateMask: { paths } });
}

/** How long an ingest that does not grow counts as another writer's. */
const quietMs = 1_500;
const longestQuietMs = 12_000;

/**
 * Opens a writer, after another one of the same ref is done. Whether there is one is told by the ingest, as long as it grows: containerd 1.x
 * holds its database for most of a second while it finds that a ref is locked, so that a few who try again and again stop everything.
 * `undefined` when the expected blob is there already.
 */
async function openWhenFree(
  client: Containerd,
  ingest: Ingest,
  { onWait, signal }: BlobRequest,
): Promise<ContentWriter | undefined> {
  const end = performance.now() + lockedForMs;
  let quiet = quietMs;
  let seen = { bytes: -1, at: 0 };
  for (let pause = 16; ; pause = Math.min(pause * 2, 250)) {
    const partial = await findPartial(client, ingest.ref);
    // One that a crash left is as old as its last byte.
    if (partial !== undefined && partial.bytes !== seen.bytes)
      seen = { bytes: partial.bytes, at: seen.bytes < 0 ? partial.updatedAt : Date.now() };
    if (partial === undefined || Date.now() - seen.at > quiet) {
      try {
        return await ContentWriter.open(client, ingest, signal);
      } catch (error) {
        if (!isUnavailable(error) || performance.now() > end) throw error;
        quiet = Math.min(quiet * 2, longestQuietMs);
        seen = { ...seen, at: Date.now() };
      }
    }
    onWait?.(partial?.bytes ?? 0);
    await sleep(pause * (0.5 + Math.random()), signal);
  }
}

/** What an ingest holds, and since when (Unix milliseconds); `undefined` when there is none. */
async function findPartial(client: Containerd, ref: string) {
  try {
    const { status } = await client.call('Content.Status', { ref });
    const { seconds = 0, nanos = 0 } = status?.updatedAt ?? {};
    return { bytes: status?.offset ?? 0, updatedAt: seconds * 1000 + nanos / 1e6 };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
}

async function fill(writer: ContentWriter, request: BlobRequest): Promise<void> {
  const { descriptor, open, onProgress, signal } = request;
  const { digest, size } = descriptor;
  let idle = 0;
  while (writer.offset < size) {
    const start = writer.offset;
    try {
      for await (const chunk of await open(start)) {
        if (writer.offset + chunk.length > size) throw new WrongContent();
        await writer.write(chunk);
        onProgress?.(writer.offset);
      }
      if (writer.offset < size)
        throw new Transient(`the body of ${digest} ended after ${writer.offset} of ${size} bytes`);
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      idle = writer.offset >= start + leastProgress ? 1 : idle + 1;
      if (idle >= maxIdleAttempts) {
        throw new InfrastructureError(`${belonging(request)}${digest} cannot be fetched: ${error.message}`, {
          cause: error,
          reason: 'registry_unavailable',
        });
      }
      await sleep(100 * 2 ** idle, signal);
    }
  }
}

function belonging({ image }: BlobRequest): string {
  return image === undefined ? '' : `${image}: `;
}

/** The bytes are not those of the descriptor: what was written is of no use. */
class WrongContent extends Error {}

/** The writer that was just given up may still be closing on the daemon's side: until then the abort fails. */
async function abortIngest(client: Containerd, ref: string): Promise<void> {
  for (let pause = 20; ; pause *= 2) {
    try {
      await client.call('Content.Abort', { ref });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (pause > longestAbortPauseMs || !(isUnavailable(error) || hasCode(error, 'UNKNOWN'))) throw error;
    }
    await sleep(pause);
  }
}

const longestAbortPauseMs = 1_500;
