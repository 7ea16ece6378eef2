import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { CsvFault, type CsvScanner } from './scanner.ts';

const chunkBytes = 1 << 20;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Runs one file through the scanner: UTF-8 without NUL bytes, a byte order mark at the start is skipped. `afterChunk` is awaited
 * after every chunk: the place for back pressure and for a stop.
 * @throws CsvFault at the first byte that is wrong
 */
export async function scanFile(path: string, scanner: CsvScanner, afterChunk: () => Promise<void>): Promise<void> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let offset = 0;
  let kept = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, kept, chunkBytes - kept);
    const filled = kept + bytesRead;
    const whole = bytesRead === 0 ? filled : filled - incompleteTail(buffer, filled);
    const bad = firstBadByte(buffer.subarray(0, whole));
    const skipped = offset === 0 && buffer.subarray(0, Math.min(3, whole)).equals(byteOrderMark) ? 3 : 0;
    scanner.scan(buffer, skipped, bad?.at ?? whole, offset + skipped);
    if (bad !== undefined) throw new CsvFault(bad.message, offset + bad.at);
    await afterChunk();
    offset += whole;
    if (bytesRead === 0) break;
    buffer.copyWithin(0, whole, filled);
    kept = filled - whole;
  }
  scanner.end(offset);
}

/** How many bytes at the end of the buffer begin a UTF-8 sequence that ends beyond it. */
function incompleteTail(buffer: Uint8Array, filled: number): number {
  for (let back = 1; back <= Math.min(3, filled); back += 1) {
    const byte = buffer[filled - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

function firstBadByte(chunk: Buffer): { readonly at: number; readonly message: string } | undefined {
  const nul = chunk.indexOf(0);
  const checked = nul === -1 ? chunk : chunk.subarray(0, nul);
  if (!isUtf8(checked)) return { at: firstInvalidSequence(checked), message: 'the text is not valid UTF-8' };
  return nul === -1 ? undefined : { at: nul, message: 'a NUL byte' };
}

function firstInvalidSequence(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] as number);
    if (length > 1 && !isUtf8(bytes.subarray(at, at + length))) return at;
    if (length === 0) return at;
    at += length;
  }
  return bytes.length;
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc0) return 0;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
