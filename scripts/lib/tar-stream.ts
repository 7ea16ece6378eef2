import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Header, type HeaderData, Pax } from 'tar';

interface Attributes {
  /** Permission bits; 0644 for files, 0755 for directories. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** What stands at a path of a tar: its text or bytes, a copy of a host file, a link, or a directory. */
export type TarEntry =
  | string
  | Uint8Array
  | (Attributes & { readonly content: string | Uint8Array })
  | (Attributes & { readonly file: string })
  | (Attributes & { readonly symlink: string })
  | (Attributes & { readonly hardlink: string })
  | (Attributes & { readonly directory: true });

const epoch = new Date(0);

/** The bytes of a tar with the entries in their order. The same entries give the same bytes: every time stamp is 1970. */
export async function* tarStream(entries: Iterable<readonly [path: string, entry: TarEntry]>): AsyncGenerator<Buffer> {
  for (const [path, entry] of entries) {
    if (typeof entry === 'string' || entry instanceof Uint8Array) yield* file(path, { content: entry });
    else if ('content' in entry) yield* file(path, entry);
    else if ('file' in entry) yield* copy(path, entry);
    else if ('symlink' in entry)
      yield header({ ...attributes(entry, 0o777), path, type: 'SymbolicLink', linkpath: entry.symlink });
    else if ('hardlink' in entry)
      yield header({ ...attributes(entry, 0o644), path, type: 'Link', linkpath: entry.hardlink });
    else yield header({ ...attributes(entry, 0o755), path: `${path.replace(/\/+$/, '')}/`, type: 'Directory' });
  }
  yield Buffer.alloc(1024);
}

function* file(path: string, entry: Attributes & { readonly content: string | Uint8Array }): Generator<Buffer> {
  const body = Buffer.from(entry.content as Uint8Array);
  yield header({ ...attributes(entry, 0o644), path, type: 'File', size: body.length });
  yield body;
  yield padding(body.length);
}

async function* copy(path: string, entry: Attributes & { readonly file: string }): AsyncGenerator<Buffer> {
  const { size, mode } = await stat(entry.file);
  yield header({ ...attributes(entry, mode & 0o7777), path, type: 'File', size });
  yield* createReadStream(entry.file) as AsyncIterable<Buffer>;
  yield padding(size);
}

function attributes({ mode, uid, gid }: Attributes, defaultMode: number): HeaderData {
  return { mode: mode ?? defaultMode, uid: uid ?? 0, gid: gid ?? 0, mtime: epoch, size: 0 };
}

function header(data: HeaderData): Buffer {
  const encoded = new Header(data);
  const block = Buffer.alloc(512);
  const needsPax = encoded.encode(block);
  return needsPax ? Buffer.concat([new Pax(data).encode(), block]) : block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((512 - (size % 512)) % 512);
}
