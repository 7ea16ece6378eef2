/** What a scanner finds, in order. `bytes` may be called several times for one value, or never for an empty one. */
export interface RecordSink {
  bytes(source: Uint8Array, from: number, to: number): void;
  endField(): void;
  endRecord(): void;
}

/** A place where the text is not the CSV it claims to be; `offset` counts bytes from the start of the file. */
export class CsvFault extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = 'CsvFault';
    this.offset = offset;
  }
}

/** Thrown by a sink; the scanner adds where: the start of the current value, or the end of the current record. */
export class RecordFault extends Error {
  readonly at: 'field' | 'record';
  constructor(message: string, at: 'field' | 'record') {
    super(message);
    this.name = 'RecordFault';
    this.at = at;
  }
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

const recordStart = 0;
const fieldStart = 1;
const unquoted = 2;
const quoted = 3;
const quoteSeen = 4;
const carriageReturnSeen = 5;

export interface ScannerOptions {
  /** One byte. */
  readonly delimiter: number;
  /** One byte, or `undefined`: then no value is enclosed and every other byte stands for itself. */
  readonly enclosure: number | undefined;
  readonly maxRecordBytes: number;
}

/**
 * RFC 4180 over bytes, one pass, constant memory: records end with LF or CRLF, enclosed values keep their newlines, a doubled
 * enclosure is one. Nothing is trimmed. A blank line is a record with one empty value. An enclosure inside a value that did not
 * start with one stands for itself. A carriage return that ends no line must be enclosed.
 */
export class CsvScanner {
  sink: RecordSink;
  readonly #delimiter: number;
  readonly #enclosure: number;
  readonly #maxRecordBytes: number;
  /** 1 for the bytes that end a run of unenclosed text. */
  readonly #stops = new Uint8Array(256);
  #state = recordStart;
  #recordOffset = 0;
  #fieldOffset = 0;
  #endOffset = 0;

  constructor(sink: RecordSink, options: ScannerOptions) {
    this.sink = sink;
    this.#delimiter = options.delimiter;
    this.#enclosure = options.enclosure ?? -1;
    this.#maxRecordBytes = options.maxRecordBytes;
    for (const stop of [options.delimiter, lineFeed, carriageReturn]) this.#stops[stop] = 1;
  }

  /** Where the value that is being read starts, in bytes from the start of the file. */
  get fieldOffset(): number {
    return this.#fieldOffset;
  }

  /** Bytes `from` to `to` of the buffer, the first of which is byte `offset` of the file. @throws CsvFault */
  scan(buffer: Uint8Array, from: number, to: number, offset: number): void {
    try {
      this.#scan(buffer, from, to, offset);
    } catch (error) {
      throw this.#placed(error);
    }
  }

  /** The file's end, `offset` bytes in. The last record needs no newline. The next call of `scan` starts a new file. @throws CsvFault */
  end(offset: number): void {
    try {
      this.#end(offset);
    } catch (error) {
      throw this.#placed(error);
    }
  }

  #scan(buffer: Uint8Array, from: number, to: number, offset: number): void {
    const stops = this.#stops;
    const enclosure = this.#enclosure;
    const base = offset - from;
    let state = this.#state;
    let at = from;
    while (at < to) {
      if (state === recordStart || state === fieldStart) {
        this.#fieldOffset = base + at;
        if (state === recordStart) this.#recordOffset = base + at;
        if (buffer[at] === enclosure) {
          state = quoted;
          at += 1;
          continue;
        }
        state = unquoted;
      }
      const start = at;
      if (state === unquoted) {
        while (at < to && stops[buffer[at] as number] === 0) at += 1;
        if (at > start) this.sink.bytes(buffer, start, at);
        if (at < to) {
          state = this.#separator(buffer[at] as number, base + at);
          at += 1;
        }
      } else if (state === quoted) {
        while (at < to && buffer[at] !== enclosure) at += 1;
        if (at > start) this.sink.bytes(buffer, start, at);
        if (at < to) {
          state = quoteSeen;
          at += 1;
        }
      } else if (state === quoteSeen && buffer[at] === enclosure) {
        this.sink.bytes(buffer, at, at + 1);
        state = quoted;
        at += 1;
      } else if (state === quoteSeen) {
        if (stops[buffer[at] as number] === 0) throw new CsvFault('text follows a closing enclosure', base + at);
        state = this.#separator(buffer[at] as number, base + at);
        at += 1;
      } else {
        if (buffer[at] !== lineFeed)
          throw new CsvFault('a carriage return outside an enclosure ends no line', base + at - 1);
        state = this.#separator(lineFeed, base + at);
        at += 1;
      }
    }
    if (state !== recordStart) this.#checkLength(base + to);
    this.#state = state;
  }

  #end(offset: number): void {
    if (this.#state === quoted) throw new CsvFault('an enclosure is opened and never closed', this.#fieldOffset);
    if (this.#state === carriageReturnSeen) {
      throw new CsvFault('a carriage return outside an enclosure ends no line', offset - 1);
    }
    if (this.#state === fieldStart) this.#fieldOffset = offset;
    if (this.#state !== recordStart) this.#endRecord(offset);
    this.#state = recordStart;
  }

  #separator(byte: number, offset: number): number {
    if (byte === carriageReturn) return carriageReturnSeen;
    if (byte !== this.#delimiter) return this.#endRecord(offset);
    this.#endOffset = offset;
    this.sink.endField();
    return fieldStart;
  }

  #endRecord(offset: number): number {
    this.#checkLength(offset);
    this.#endOffset = offset;
    this.sink.endField();
    this.sink.endRecord();
    return recordStart;
  }

  #checkLength(offset: number): void {
    if (offset - this.#recordOffset <= this.#maxRecordBytes) return;
    throw new CsvFault(`a record is longer than ${this.#maxRecordBytes} bytes`, this.#recordOffset);
  }

  #placed(error: unknown): unknown {
    if (!(error instanceof RecordFault)) return error;
    return new CsvFault(error.message, error.at === 'field' ? this.#fieldOffset : this.#endOffset);
  }
}
