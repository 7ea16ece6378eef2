import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { classify } from '../base/errors.ts';
import type { JobEvent, Stream } from '../base/events.ts';
import { byteLength, lineEnd, writeParts } from './pages.ts';
import { type KnownRecord, readRecord, sourceKey } from './record-reader.ts';
import type { Sink } from './sink.ts';
import { createStamp } from './stamp.ts';

/** A job's own record of its events, `events.ndjson`. */
export interface JobRecord extends Sink {
  /**
   * How far a stream's lines are in the file, in raw bytes, at any moment: a reader that starts here after a crash loses and doubles nothing,
   * and what lies before may be given back. 0 for a stream that has none.
   */
  readonly offset: (row: number, stage: number, stream: Stream) => number;
  /** Retained output has reached its cap: further log lines are only counted. */
  readonly full: () => boolean;
}

export interface RecordOptions {
  /** Bytes of `log` lines that are retained: 100 MiB. */
  readonly retainBytes?: number;
  readonly now?: () => number;
  /** Called once, when the file cannot be written any more: nothing is recorded after that, and `offset` stands still. */
  readonly onFailure?: (error: Error) => void;
}

/**
 * Opens or makes the record; a line that a crash cut short is taken away.
 *
 * Lines are buffered up to 64 KiB or 200 ms and written synchronously, so nothing ever waits in memory beyond that and nothing is dropped.
 * A crash loses the buffer, and with it exactly what `offset` had not counted.
 */
export async function openRecord(path: string, options: RecordOptions = {}): Promise<JobRecord> {
  const known = await readRecord(path);
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  ftruncateSync(fd, known.length);
  const record = new OpenRecord(fd, known, options);
  return Object.freeze({
    emit: (event) => record.add(event),
    offset: (row, stage, stream) => record.written.get(sourceKey(row, stage, stream)) ?? 0,
    full: () => record.full,
    ready: () => undefined,
    flush: async () => record.flush(),
    close: async () => record.close(),
  } satisfies JobRecord);
}

const bufferBytes = 64 * 1024;
const bufferMs = 200;
const noBytes = Buffer.alloc(0);
/** How far the raw output may run ahead of the file once lines are dropped. */
const dropStride = 4 * 1024 * 1024;

interface Source {
  readonly row: number;
  readonly stage: number;
  readonly stream: Stream;
  /** Raw offset that the file will report once the buffer is written. */
  recorded: number;
  /** Lines dropped since the last marker, and the raw offset after them. */
  dropped: number;
  droppedTo: number;
  announced: boolean;
}

class OpenRecord {
  readonly written: Map<string, number>;
  full: boolean;
  readonly #fd: number;
  readonly #stamp;
  readonly #retainBytes: number;
  readonly #onFailure: ((error: Error) => void) | undefined;
  readonly #sources = new Map<string, Source>();
  #length: number;
  #logBytes: number;
  /** Lines on their way into the file, as bytes: see `PageQueue`. */
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #buffered = 0;
  #timer: NodeJS.Timeout | undefined;
  #open = true;

  constructor(fd: number, known: KnownRecord, { retainBytes = 100 * 1024 * 1024, now, onFailure }: RecordOptions) {
    this.#fd = fd;
    this.#stamp = createStamp(now);
    this.#retainBytes = retainBytes;
    this.#onFailure = onFailure;
    this.#length = known.length;
    this.#logBytes = known.logBytes;
    this.written = new Map(known.offsets);
    this.full = known.full || known.logBytes >= retainBytes;
  }

  add(event: JobEvent): void {
    if (event.type === 'log') this.#addLog(event);
    else this.#put(this.#stamp(event));
  }

  flush(): void {
    for (const source of this.#sources.values()) this.#announce(source);
    this.#write();
  }

  close(): void {
    this.flush();
    this.#shut();
  }

  #addLog(event: JobEvent & { readonly type: 'log' }): void {
    const source = this.#source(event.row, event.stage, event.stream);
    if (this.full) {
      source.dropped += 1;
      source.droppedTo = event.offset ?? source.droppedTo;
      if (!source.announced || source.droppedTo - source.recorded >= dropStride) this.#announce(source);
      return;
    }
    const line = this.#stamp(event);
    source.recorded = event.offset ?? source.recorded;
    this.#logBytes += Buffer.byteLength(line) + 1;
    this.full = this.#logBytes >= this.#retainBytes;
    this.#put(line);
  }

  #announce(source: Source): void {
    if (source.dropped === 0) return;
    const { row, stage, stream, dropped: lines, droppedTo: offset } = source;
    source.dropped = 0;
    source.recorded = offset;
    source.announced = true;
    this.#put(this.#stamp({ type: 'log-dropped', lines, source: { row, stage, stream, offset } }));
  }

  #source(row: number, stage: number, stream: Stream): Source {
    const key = sourceKey(row, stage, stream);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const offset = this.written.get(key) ?? 0;
    const source: Source = { row, stage, stream, recorded: offset, dropped: 0, droppedTo: offset, announced: false };
    this.#sources.set(key, source);
    return source;
  }

  #put(line: string): void {
    if (!this.#open) return;
    const parts = [line, lineEnd];
    if (byteLength(parts) > bufferBytes - this.#buffered) {
      // With the line, whose offset counts already.
      this.#write(Buffer.from(`${line}\n`));
      return;
    }
    this.#buffered = writeParts(parts, this.#buffer, this.#buffered);
    this.#timer ??= setTimeout(() => this.#write(), bufferMs).unref();
  }

  /** Writes the buffer, and then one line that had no room in it. */
  #write(line: Buffer = noBytes): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const buffered = this.#buffer.subarray(0, this.#buffered);
    this.#buffered = 0;
    if (!this.#open || buffered.length + line.length === 0) return;
    try {
      for (const bytes of [buffered, line]) for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#length += buffered.length + line.length;
    for (const [key, { recorded }] of this.#sources) this.written.set(key, recorded);
  }

  #fail(error: unknown): void {
    try {
      ftruncateSync(this.#fd, this.#length);
    } catch {
      // The next opening takes the torn line away.
    }
    this.#shut();
    this.#onFailure?.(classify(error));
  }

  #shut(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#timer);
    closeSync(this.#fd);
  }
}
