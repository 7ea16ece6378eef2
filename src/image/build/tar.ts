import { Header } from 'tar';
import type { Containerd } from '../../containerd/client.ts';

export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** A file for a workshop, whose bytes come when they are asked for. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

const block = 512;

/** A tar (POSIX ustar) of files that only their owner reads. */
export async function* tarOf(files: AsyncIterable<TarFile> | Iterable<TarFile>): AsyncGenerator<Uint8Array> {
  for await (const { name, size, bytes } of files) {
    const header = new Header({ path: name, mode: 0o600, size, type: 'File', mtime: new Date(0), uid: 0, gid: 0 });
    const head = Buffer.alloc(block);
    header.encode(head);
    yield head;
    let sent = 0;
    for await (const chunk of bytes) {
      sent += chunk.length;
      yield chunk;
    }
    if (sent !== size) throw new Error(`${name} has ${sent} bytes, not ${size}`);
    yield Buffer.alloc((block - (size % block)) % block);
  }
  yield Buffer.alloc(2 * block);
}

export function textFiles(files: readonly TextFile[]): readonly TarFile[] {
  return files.map(({ name, text }) => {
    const content = Buffer.from(text);
    return { name, size: content.length, bytes: once(content) };
  });
}

/** A blob of the content store. */
export function blobFile(
  client: Containerd,
  name: string,
  { digest, size }: { digest: string; size: number },
): TarFile {
  return { name, size, bytes: blobBytes(client, digest) };
}

async function* blobBytes(client: Containerd, digest: string): AsyncGenerator<Uint8Array> {
  for await (const { data } of client.stream('Content.Read', { digest }, { deadlineMs: 0 })) yield data;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
