import { createReadStream } from 'node:fs';
import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { InfrastructureError, UserError } from '../../base/errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What the first bytes of a stream say about its compression. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? 'zstd' : 'none';
}

/** How errors call an archive. */
export function archiveName(source: string | Readable): string {
  return typeof source === 'string' ? `the archive ${source}` : 'the archive';
}

/**
 * Reads a tar (plain, gzip or zstd) in one pass and calls `onEntry` for each entry, one after another; it must read or resume the entry's body.
 * @throws UserError when it is damaged or no tar, what `onEntry` throws, or the signal's reason
 */
export async function readTar(
  source: string | Readable,
  onEntry: (entry: ReadEntry) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const what = archiveName(source);
  const stream = typeof source === 'string' ? createReadStream(source) : source;
  // A source that waits for its sender must not keep a stopped import waiting.
  const onAbort = (): void => void stream.destroy(asError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  // What ends it is thrown here; a stream that nobody reads any more would tell it to the whole process.
  stream.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    await parse(stream, onEntry, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw explain(what, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.destroy();
  }
}

async function parse(
  source: Readable,
  onEntry: (entry: ReadEntry) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch((error) => source.destroy(asError(error)));
  let work = Promise.resolve();
  const parser = new Parser({ strict: true, brotli: false, zstd: false });
  parser.on('error', reject);
  parser.on('entry', (entry: ReadEntry) => {
    work = work.then(() => onEntry(entry));
    work.catch(reject);
  });
  const ended = new Promise<void>((resolve) => parser.on('end', resolve));
  for await (const chunk of decompressed(source)) {
    signal.throwIfAborted();
    if (parser.write(chunk)) continue;
    await Promise.race([new Promise<void>((resolve) => parser.once('drain', resolve)), failed]);
  }
  parser.end();
  await Promise.race([ended, failed]);
  await work;
}

async function* decompressed(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const head: Buffer[] = [];
  for (let size = 0; size < 4; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    head.push(value);
    size += value.length;
  }
  const first = Buffer.concat(head);
  const whole = prepend(first, chunks);
  const compression = compressionOf(first);
  if (compression === 'none') yield* whole;
  else yield* through(whole, compression === 'gzip' ? createGunzip() : createZstdDecompress());
}

async function* prepend(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function through(chunks: AsyncIterable<Buffer>, transform: Transform): AsyncIterable<Buffer> {
  // A failure destroys the transform with the error, which its reader then sees.
  return pipeline(Readable.from(chunks), transform, () => {});
}

function explain(what: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, tarCode } = error as Error & { code?: string; tarCode?: string };
  if (code === 'ENOENT') return new UserError(`${what} does not exist`, { cause: error });
  if (code === 'EISDIR') return new UserError(`${what} is a directory`, { cause: error });
  if (tarCode !== undefined || /^(?:Z_|ZSTD_|TAR_)/.test(code ?? '')) {
    return new UserError(`${what} is damaged, or no tar: ${error.message}`, {
      cause: error,
      reason: 'archive_invalid',
    });
  }
  return code?.startsWith('E') && !code.startsWith('ERR_')
    ? new InfrastructureError(`${what}: ${error.message}`, { cause: error })
    : error;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
