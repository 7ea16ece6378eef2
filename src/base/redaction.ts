import type { Automaton } from './automaton.ts';

export interface RedactionTarget {
  /** The bytes are valid until the call returns. */
  clean(bytes: Buffer): void;
  /** `length` more hidden bytes; `first` when they open a range, else they prolong the range reported last. */
  hidden(length: number, first: boolean): void;
}

export interface RedactionScan {
  /** The chunk's memory may be used again after the call. */
  push(chunk: Buffer): void;
  flush(): void;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** One pass of an automaton over one stream. All positions count bytes from the start of the stream. */
export class Scan implements RedactionScan {
  readonly #automaton: Automaton;
  readonly #target: RedactionTarget;
  #state = 0;
  /** Bytes that were read and may still turn out to belong to a secret: from `#reported` to `#position`. */
  #carry: Buffer = Buffer.alloc(0);
  #position = 0;
  #reported = 0;
  /** Ordered, apart from each other, not reported yet. */
  #ranges: Range[] = [];
  /** End of the hidden range reported last; it moves on when an occurrence overlaps it. */
  #hiddenUntil = 0;
  /** Long needles whose head was found and that agree with everything read so far. */
  #following: { readonly tail: Buffer; readonly start: number; agreed: number }[] = [];
  /** A long needle is not followed twice over the same text, which would take quadratic time on repetitive values. */
  readonly #followedUntil = new Map<Buffer, number>();

  constructor(automaton: Automaton, target: RedactionTarget) {
    this.#automaton = automaton;
    this.#target = target;
  }

  push(chunk: Buffer): void {
    const base = this.#position;
    this.#follow(chunk, 0);
    this.#match(chunk);
    this.#position = base + chunk.length;
    const undecided = this.#automaton.depth[this.#state / this.#automaton.width] as number;
    this.#report(this.#position - undecided, chunk, base);
    this.#keep(chunk, base);
  }

  flush(): void {
    this.#report(this.#position, Buffer.alloc(0), this.#position);
    this.#carry = Buffer.alloc(0);
    this.#state = 0;
    this.#following = [];
  }

  #match(chunk: Buffer): void {
    const { columns, next, firstAccepting } = this.#automaton;
    const length = chunk.length;
    let state = this.#state;
    for (let i = 0; i < length; i += 1) {
      state = next[state + (columns[chunk[i] as number] as number)] as number;
      if (state >= firstAccepting) this.#accept(state, chunk, i + 1);
    }
    this.#state = state;
  }

  #accept(state: number, chunk: Buffer, end: number): void {
    const start = this.#position + end - (this.#automaton.longest[state / this.#automaton.width] as number);
    this.#hide(start, this.#position + end);
    for (const tail of this.#automaton.tails.get(state) ?? []) {
      if (this.#position + end < (this.#followedUntil.get(tail) ?? 0)) continue;
      this.#followedUntil.set(tail, this.#position + end);
      this.#following.push({ tail, start, agreed: 0 });
      this.#follow(chunk, end, tail);
    }
  }

  /** Compares the text from `from` on with the long needles in progress, or only with the one of `tail`. */
  #follow(chunk: Buffer, from: number, tail?: Buffer): void {
    if (this.#following.length === 0) return;
    this.#following = this.#following.filter((one) => {
      if (tail !== undefined && one.tail !== tail) return true;
      let at = from;
      while (at < chunk.length && one.agreed < one.tail.length && chunk[at] === one.tail[one.agreed]) {
        at += 1;
        one.agreed += 1;
      }
      this.#hide(one.start, this.#position + at);
      this.#followedUntil.set(one.tail, this.#position + at);
      return at === chunk.length && one.agreed < one.tail.length;
    });
  }

  #hide(from: number, to: number): void {
    let start = from;
    let end = to;
    for (let last = this.#ranges.at(-1); last !== undefined && last.end > start; last = this.#ranges.at(-1)) {
      start = Math.min(start, last.start);
      end = Math.max(end, last.end);
      this.#ranges.pop();
    }
    if (start < this.#hiddenUntil) this.#hiddenUntil = Math.max(end, this.#hiddenUntil);
    else this.#ranges.push({ start, end });
  }

  /** Reports everything before `until`, which no later occurrence can reach. */
  #report(until: number, chunk: Buffer, base: number): void {
    let taken = 0;
    while (this.#reported < until) {
      if (this.#reported < this.#hiddenUntil) {
        const end = Math.min(this.#hiddenUntil, until);
        this.#target.hidden(end - this.#reported, false);
        this.#reported = end;
        continue;
      }
      const range = this.#ranges[taken];
      this.#reportClean(Math.min(range?.start ?? until, until), chunk, base);
      if (range === undefined || range.start >= until) break;
      const end = Math.min(range.end, until);
      this.#target.hidden(end - range.start, true);
      this.#reported = end;
      this.#hiddenUntil = range.end;
      taken += 1;
    }
    if (taken > 0) this.#ranges.splice(0, taken);
  }

  #reportClean(end: number, chunk: Buffer, base: number): void {
    if (this.#reported < base) {
      const carryStart = base - this.#carry.length;
      const carryEnd = Math.min(end, base);
      if (carryEnd > this.#reported)
        this.#target.clean(this.#carry.subarray(this.#reported - carryStart, carryEnd - carryStart));
    }
    const from = Math.max(this.#reported, base);
    if (end > from) this.#target.clean(chunk.subarray(from - base, end - base));
    this.#reported = Math.max(this.#reported, end);
  }

  #keep(chunk: Buffer, base: number): void {
    if (this.#reported >= base) this.#carry = Buffer.from(chunk.subarray(this.#reported - base));
    else this.#carry = Buffer.concat([this.#carry.subarray(this.#carry.length - (base - this.#reported)), chunk]);
  }
}
