import { isAscii, isUtf8 } from 'node:buffer';
import type { RedactionTarget } from './redaction.ts';
import { mask } from './secrets.ts';

/** Bytes of a line, at most; a longer one comes in pieces. */
export const longestLine = 65_536;

/**
 * Gets one line without its end (LF or CR LF), and the raw offset just after it: reading that starts there gets the next line.
 * `continued` says that the line goes on in the next piece. Bytes that are not UTF-8 are left out.
 */
export type OnLine = (text: string, end: number, continued: boolean) => void;

/** Takes a stream whose first byte has offset `start`, with ranges that are shown as `[hidden]` but keep their place in the raw count. */
export class LineSplitter implements RedactionTarget {
  readonly #onLine: OnLine;
  /** Raw offset after everything taken so far. */
  #offset: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(onLine: OnLine, start = 0) {
    this.#onLine = onLine;
    this.#offset = start;
  }

  clean(bytes: Buffer): void {
    const first = bytes.indexOf(lineFeed);
    if (first < 0) {
      this.#append(bytes);
      return;
    }
    this.#append(bytes.subarray(0, first));
    this.#finish(1);
    const from = isAscii(bytes) ? this.#takeAscii(bytes, first + 1) : this.#takeText(bytes, first + 1);
    this.#append(bytes.subarray(from));
  }

  hidden(length: number, first: boolean): void {
    if (first && this.#length + maskBytes.length > longestLine) this.#emitPiece();
    if (first) {
      this.#parts.push(maskBytes);
      this.#length += maskBytes.length;
    }
    this.#offset += length;
  }

  /** The stream is over: what is left is a line without an end. */
  end(): void {
    if (this.#length > 0) this.#finish(0);
  }

  /** All whole lines from `from` on, on the quick way: one string, cut at its line feeds. Returns where the rest starts. */
  #takeAscii(bytes: Buffer, start: number): number {
    const text = bytes.toString('latin1');
    let from = start;
    for (let feed = text.indexOf('\n', from); feed >= 0; feed = text.indexOf('\n', from)) {
      if (feed - from > longestLine) {
        this.#append(bytes.subarray(from, feed));
        this.#finish(1);
      } else {
        this.#offset += feed + 1 - from;
        const end = feed > from && text.charCodeAt(feed - 1) === carriageReturn ? feed - 1 : feed;
        this.#onLine(text.slice(from, end), this.#offset, false);
      }
      from = feed + 1;
    }
    return from;
  }

  #takeText(bytes: Buffer, start: number): number {
    let from = start;
    for (let feed = bytes.indexOf(lineFeed, from); feed >= 0; feed = bytes.indexOf(lineFeed, from)) {
      if (feed - from > longestLine) {
        this.#append(bytes.subarray(from, feed));
        this.#finish(1);
      } else {
        this.#offset += feed + 1 - from;
        this.#onLine(lineText(bytes.subarray(from, feed)), this.#offset, false);
      }
      from = feed + 1;
    }
    return from;
  }

  /** Keeps a copy of a part of a line; whatever passes the cap leaves as pieces, cut between characters. */
  #append(bytes: Buffer): void {
    this.#offset += bytes.length;
    if (this.#length + bytes.length <= longestLine) {
      if (bytes.length > 0) this.#parts.push(Buffer.from(bytes));
      this.#length += bytes.length;
      return;
    }
    let rest = Buffer.concat([...this.#parts, bytes]);
    while (rest.length > longestLine) {
      const cut = characterStart(rest, longestLine);
      this.#onLine(pieceText(rest.subarray(0, cut)), this.#offset - (rest.length - cut), true);
      rest = rest.subarray(cut);
    }
    this.#parts = [Buffer.from(rest)];
    this.#length = rest.length;
  }

  #finish(feed: 0 | 1): void {
    const line = this.#take();
    this.#offset += feed;
    this.#onLine(feed === 1 ? lineText(line) : pieceText(line), this.#offset, false);
  }

  #emitPiece(): void {
    this.#onLine(pieceText(this.#take()), this.#offset, true);
  }

  #take(): Buffer {
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return line;
  }
}

const lineFeed = 10;
const carriageReturn = 13;
const maskBytes = Buffer.from(mask);

function lineText(line: Buffer): string {
  return pieceText(line.at(-1) === carriageReturn ? line.subarray(0, -1) : line);
}

function pieceText(bytes: Buffer): string {
  const text = bytes.toString();
  return text.includes('\ufffd') && !isUtf8(bytes) ? text.replaceAll('\ufffd', '') : text;
}

/** The start of the UTF-8 character that lies across `position`, or `position` when there is none. */
function characterStart(bytes: Buffer, position: number): number {
  const isInside = (at: number): boolean => ((bytes[at] as number) & 0xc0) === 0x80;
  let start = position;
  while (start > position - 3 && isInside(start)) start -= 1;
  return (bytes[start] as number) >= 0xc0 ? start : position;
}
