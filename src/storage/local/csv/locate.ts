import { open } from 'node:fs/promises';

/** Line and column of a byte of a file, both from 1; columns count characters, a byte order mark is none. */
export async function locate(
  path: string,
  offset: number,
): Promise<{ readonly line: number; readonly column: number }> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  let line = 1;
  let column = 1;
  for (let at = 0; at < offset; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, offset - at), at);
    if (bytesRead === 0) break;
    for (let i = 0; i < bytesRead; i += 1) {
      const byte = buffer[i] as number;
      if (byte === 0x0a) {
        line += 1;
        column = 1;
      } else if ((byte & 0xc0) !== 0x80) column += 1;
    }
    if (at === 0 && bytesRead >= 3 && buffer.readUIntBE(0, 3) === 0xefbbbf && line === 1) column -= 1;
    at += bytesRead;
  }
  return { line, column };
}
