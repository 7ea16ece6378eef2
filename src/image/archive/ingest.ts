import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { ReadEntry } from 'tar';
import { UserError } from '../../base/errors.ts';
import { ulid } from '../../base/ids.ts';
import type { Containerd } from '../../containerd/client.ts';
import { isNotFound } from '../../containerd/errors.ts';
import { maxManifestBytes } from '../manifest.ts';
import { isDigest } from '../reference.ts';
import { ContentWriter } from '../writer.ts';
import { archiveName, type Compression, compressionOf, readTar } from './stream.ts';

/** A file of an archive that is in the content store now. */
export interface StoredFile {
  readonly digest: string;
  readonly size: number;
  readonly compression: Compression;
}

/** What an archive held, by normalised path. */
export interface Archive {
  /** Contents of the documents that say what the archive is. */
  readonly documents: ReadonlyMap<string, Buffer>;
  readonly files: ReadonlyMap<string, StoredFile>;
  /** Symbolic and hard links: the path that each one names. */
  readonly links: ReadonlyMap<string, string>;
}

interface Contents {
  readonly documents: Map<string, Buffer>;
  readonly files: Map<string, StoredFile>;
  readonly links: Map<string, string>;
  entries: number;
  bytes: number;
}

const documentNames = new Set(['index.json', 'manifest.json', 'oci-layout']);
/** Uncompressed. */
const maxBytes = 50 * 1024 ** 3;
const maxEntries = 10_000;
const maxPathLength = 1024;

/**
 * Reads an archive once and puts every file of it into the content store, under the lease and while it is hashed. Nothing is unpacked to the
 * file system: paths are names only. What turns out not to belong to an image is garbage once the lease ends.
 * @throws UserError when the archive is damaged or beyond the bounds
 */
export async function ingestArchive(
  client: Containerd,
  { source, lease, signal }: { source: string | Readable; lease: string; signal: AbortSignal },
): Promise<Archive> {
  const what = archiveName(source);
  const contents: Contents = { documents: new Map(), files: new Map(), links: new Map(), entries: 0, bytes: 0 };
  await readTar(source, (entry) => take(client, { entry, contents, lease, signal, what }), signal);
  return contents;
}

interface Taking {
  /** How errors call the archive. */
  readonly what: string;
  readonly entry: ReadEntry;
  readonly contents: Contents;
  readonly lease: string;
  readonly signal: AbortSignal;
}

async function take(client: Containerd, { entry, contents, lease, signal, what }: Taking): Promise<void> {
  signal.throwIfAborted();
  const path = normalise(entry.path);
  contents.entries += 1;
  contents.bytes += entry.size;
  if (contents.entries > maxEntries) throw refused(what, `it has more than ${maxEntries} entries`);
  if (contents.bytes > maxBytes) throw refused(what, `it holds more than ${maxBytes} bytes`);
  if (path.length > maxPathLength) throw refused(what, 'it has an entry with an overlong name');
  if (entry.type === 'SymbolicLink' || entry.type === 'Link') {
    const from = entry.type === 'Link' ? '' : posix.dirname(path);
    contents.links.set(path, normalise(posix.join(from, entry.linkpath ?? '')));
  }
  const isFile = entry.type === 'File' || entry.type === 'OldFile' || entry.type === 'ContiguousFile';
  if (!isFile || entry.size === 0 || isLegacy(path)) entry.resume();
  else if (documentNames.has(path)) contents.documents.set(path, await readSmall(entry, path, what));
  else contents.files.set(path, await store(client, { entry, path, lease, signal, what }));
}

/** Old Docker archives describe each layer a second time; nothing refers to that. */
function isLegacy(path: string): boolean {
  return /^[a-f0-9]{64}\/(?:json|VERSION)$/.test(path) || path === 'repositories';
}

async function readSmall(entry: ReadEntry, path: string, what: string): Promise<Buffer> {
  if (entry.size > maxManifestBytes) throw refused(what, `its ${path} is larger than ${maxManifestBytes} bytes`);
  return entry.concat();
}

async function store(
  client: Containerd,
  { entry, path, lease, signal, what }: Omit<Taking, 'contents'> & { readonly path: string },
): Promise<StoredFile> {
  const ref = `import-${ulid()}`;
  const named = /^blobs\/(sha256|sha512)\/([a-f0-9]+)$/.exec(path);
  const expected = named === null ? undefined : `${named[1]}:${named[2]}`;
  if (expected !== undefined && !isDigest(expected)) throw refused(what, `its ${path} is not named by a digest`);
  const algorithm = named?.[1] ?? 'sha256';
  const hash = createHash(algorithm);
  let head = Buffer.alloc(0);
  let length = 0;
  using writer = await ContentWriter.open(
    client,
    { lease, ref, total: entry.size, ...(expected && { expected }) },
    signal,
  );
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      if (head.length < 4) head = Buffer.concat([head, chunk.subarray(0, 4)]);
      hash.update(chunk);
      length += chunk.length;
      // What another namespace has already need not be sent again.
      if (writer !== undefined && writer.offset < entry.size) await writer.write(chunk);
    }
    if (length < entry.size) throw refused(what, `it ends in the middle of ${path}`);
    const digest = `${algorithm}:${hash.digest('hex')}`;
    if (expected !== undefined && digest !== expected)
      throw refused(what, `the content of ${path} is not that of its digest`);
    await writer?.commit(digest, {});
    return { digest, size: entry.size, compression: compressionOf(head) };
  } catch (error) {
    writer?.[Symbol.dispose]();
    await client.call('Content.Abort', { ref }).catch((failure: unknown) => {
      if (!isNotFound(failure)) throw error;
    });
    throw error;
  }
}

function normalise(path: string): string {
  return posix.normalize(`/${path}`).slice(1).replace(/\/$/, '');
}

function refused(what: string, problem: string): UserError {
  return new UserError(`${what} is refused: ${problem}`, { reason: 'archive_invalid' });
}
