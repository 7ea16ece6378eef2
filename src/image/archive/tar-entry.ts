import { Header, Pax } from 'tar';

const block = 512;

/** The bytes of one regular file of a tar (POSIX ustar; pax where a name is too long). Nothing in it tells when or by whom it was made. */
export async function* tarEntry(
  path: string,
  size: number,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const data = { path, size, type: 'File', mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) } as const;
  const header = Buffer.alloc(block);
  if (new Header(data).encode(header)) yield new Pax(data).encode();
  yield header;
  yield* body;
  yield Buffer.alloc((block - (size % block)) % block);
}

/** What ends a tar. */
export function tarEnd(): Uint8Array {
  return Buffer.alloc(2 * block);
}
