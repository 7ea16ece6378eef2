import { RecordFault, type RecordSink } from './scanner.ts';

const maxHeaderBytes = 1 << 20;

/** Keeps the values of one record as text, with the places where they start: for headers. */
export class HeaderSink implements RecordSink {
  readonly values: string[] = [];
  readonly offsets: number[] = [];
  readonly #offset: () => number;
  readonly #done: () => void;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** `offset` tells where the current value starts; `done` is called at the record's end. */
  constructor(offset: () => number, done: () => void) {
    this.#offset = offset;
    this.#done = done;
  }

  bytes(source: Uint8Array, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#bytes > maxHeaderBytes)
      throw new RecordFault(`the header is longer than ${maxHeaderBytes} bytes`, 'field');
    this.#pieces.push(Buffer.from(source.subarray(from, to)));
  }

  endField(): void {
    this.values.push(Buffer.concat(this.#pieces).toString('utf8'));
    this.offsets.push(this.#offset());
    this.#pieces = [];
  }

  endRecord(): void {
    this.#done();
  }
}

/** Drops what it is told: for a header that is not wanted. */
export class SkipSink implements RecordSink {
  readonly #done: () => void;
  constructor(done: () => void) {
    this.#done = done;
  }
  bytes(): void {}
  endField(): void {}
  endRecord(): void {
    this.#done();
  }
}
