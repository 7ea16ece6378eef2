/**
 * Lines waiting in memory that is used again and again. As strings they would live long enough to be taken for lasting by the garbage
 * collector, and the heap of a process that only passes lines on would grow with what has passed.
 */
export class PageQueue {
  readonly #pageBytes: number;
  readonly #spare: Buffer[] = [];
  #pages: Page[] = [];
  /** Bytes in the queue. */
  length = 0;

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  /** The parts come one after the other, and are not put together before: see above. */
  push(kind: Kind, parts: Parts): void {
    const bytes = byteLength(parts);
    const last = this.#pages.at(-1);
    const page = last?.kind === kind && last.end + bytes <= last.memory.length ? last : this.#open(kind, bytes);
    page.end = writeParts(parts, page.memory, page.end);
    page.texts += 1;
    this.length += bytes;
  }

  /** The oldest page, which is the caller's until it is given back. */
  shift(): Page | undefined {
    const page = this.#pages.shift();
    if (page !== undefined) this.length -= page.end;
    return page;
  }

  giveBack({ memory }: Page): void {
    if (memory.length === this.#pageBytes && this.#spare.length < mostSpare) this.#spare.push(memory);
  }

  /** Removes the oldest page of log lines, or of anything when no log line is left. Answers how many texts it held. */
  drop(): number {
    const first = this.#pages.findIndex(({ kind }) => kind === 'log');
    const [page] = this.#pages.splice(Math.max(first, 0), 1);
    if (page === undefined) return 0;
    this.length -= page.end;
    this.giveBack(page);
    return page.texts;
  }

  clear(): void {
    this.#pages = [];
    this.length = 0;
  }

  #open(kind: Kind, bytes: number): Page {
    this.#trim();
    const memory =
      bytes > this.#pageBytes
        ? Buffer.allocUnsafeSlow(bytes)
        : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#pageBytes));
    const page = { kind, memory, end: 0, texts: 0 };
    this.#pages.push(page);
    return page;
  }

  /** A page that ends early, because something of the other kind comes next, shall not occupy a whole one. */
  #trim(): void {
    const last = this.#pages.at(-1);
    if (last === undefined || last.end >= last.memory.length / 2) return;
    const exact = Buffer.from(last.memory.subarray(0, last.end));
    this.giveBack(last);
    last.memory = exact;
  }
}

/** What may be left out first when too much waits, and what is left out last. */
export type Kind = 'log' | 'other';

/** One text in parts, such as a line and its end. */
export type Parts = readonly string[];

/** Bytes of the text in UTF-8. */
export function byteLength(parts: Parts): number {
  let bytes = 0;
  for (const part of parts) bytes += part === lineEnd ? 1 : Buffer.byteLength(part);
  return bytes;
}

/** Writes the text at this place of the memory, which has room for it, and answers where it ends. */
export function writeParts(parts: Parts, memory: Buffer, start: number): number {
  let at = start;
  for (const part of parts) {
    // A call costs as much for one byte as for a hundred.
    if (part === lineEnd) memory[at++] = 10;
    else at += memory.write(part, at);
  }
  return at;
}

/** The part that is one byte. */
export const lineEnd = '\n';

/** Texts of one kind, one after the other. */
export interface Page {
  readonly kind: Kind;
  memory: Buffer;
  /** Bytes of the memory in use. */
  end: number;
  texts: number;
}

const mostSpare = 8;
