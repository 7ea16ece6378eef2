import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InfrastructureError } from './errors.ts';
import { syncDirectory } from './files.ts';

/** A line of the journal: a step that finished with its value, or a transition on the way. */
export interface JournalEntry {
  readonly seq: number;
  readonly kind: 'step' | 'transition';
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly value: unknown;
}

/** Called at `run <step>`, `done <step>` and `recorded <step>`: where a test may end the process. */
export type CrashPoint = (point: string) => void;

/**
 * What a job has finished, on disk: one JSON line per entry, each with a sequence number and a checksum, fsynced before anybody acts on it.
 *
 * A last line that a crash tore is cut off when the journal is opened. Damage anywhere else is refused by name: it is never guessed over.
 */
export class Journal implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #entries: JournalEntry[];
  readonly #crashPoint: CrashPoint;
  /** Bytes of the file that hold whole lines. */
  #length: number;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(handle: FileHandle, { entries, length }: ReadJournal, crashPoint: CrashPoint) {
    this.#handle = handle;
    this.#entries = entries;
    this.#length = length;
    this.#crashPoint = crashPoint;
  }

  /** Opens the journal, and creates it (0600) when `mode` is `create`, which fails if it exists. */
  static async open(
    path: string,
    mode: 'create' | 'existing',
    crashPoint: CrashPoint = () => undefined,
  ): Promise<Journal> {
    const handle = await open(path, mode === 'create' ? 'wx+' : 'r+', 0o600);
    try {
      const text = await handle.readFile('utf8');
      const { entries, length } = readEntries(text, path);
      if (length < Buffer.byteLength(text)) await handle.truncate(length);
      if (mode === 'create') await syncDirectory(dirname(path));
      return new Journal(handle, { entries, length }, crashPoint);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** The last entry of this name, or `undefined`. */
  find(kind: JournalEntry['kind'], name: string): JournalEntry | undefined {
    return this.#entries.findLast((entry) => entry.kind === kind && entry.name === name);
  }

  /**
   * The value of a step that finished, now or in an earlier process; otherwise runs it and makes its value durable.
   * The value must be plain data. A step that throws is not recorded and will run again.
   */
  async step<T>(name: string, run: () => Promise<T> | T): Promise<T> {
    const recorded = this.find('step', name);
    if (recorded !== undefined) return recorded.value as T;
    this.#crashPoint(`run ${name}`);
    const value = await run();
    this.#crashPoint(`done ${name}`);
    await this.#append('step', name, value);
    this.#crashPoint(`recorded ${name}`);
    return value;
  }

  /** Makes a fact durable that a later process needs to know before the step it belongs to has finished. */
  async note(name: string, value: unknown): Promise<void> {
    await this.#append('transition', name, value);
    this.#crashPoint(`recorded ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#handle.close();
  }

  async #append(kind: JournalEntry['kind'], name: string, value: unknown): Promise<void> {
    const write = this.#writing.then(async () => {
      const entry: JournalEntry = {
        seq: this.#entries.length,
        kind,
        name,
        time: new Date().toISOString(),
        value: value ?? null,
      };
      await this.#write(Buffer.from(encodeEntry(entry)));
      this.#entries.push(entry);
    });
    this.#writing = write.catch(() => undefined);
    await write;
  }

  /** All of it or nothing: a full disk takes parts, and what follows a torn line could not be read. */
  async #write(line: Buffer): Promise<void> {
    try {
      for (let at = 0; at < line.length; ) {
        at += (await this.#handle.write(line, at, line.length - at, this.#length + at)).bytesWritten;
      }
      await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(this.#length);
      throw error;
    }
    this.#length += line.length;
  }
}

export interface ReadJournal {
  readonly entries: JournalEntry[];
  /** Bytes up to the end of the last whole line. */
  readonly length: number;
}

/** Reads a journal without opening it for writing: what `show` and a sweep need. */
export function readEntries(text: string, path: string): ReadJournal {
  const entries: JournalEntry[] = [];
  const end = text.lastIndexOf('\n') + 1;
  const lines = text.slice(0, end).split('\n').slice(0, -1);
  for (const [index, line] of lines.entries()) {
    const entry = decodeEntry(line, index);
    if (entry === undefined) {
      if (index === lines.length - 1)
        return {
          entries,
          length: Buffer.byteLength(
            lines
              .slice(0, index)
              .map((kept) => `${kept}\n`)
              .join(''),
          ),
        };
      throw new InfrastructureError(`the journal ${path} is damaged at line ${index + 1}`, {
        hint: 'Run `componentd sweep` to remove what the job left, then submit the job again.',
      });
    }
    entries.push(entry);
  }
  return { entries, length: Buffer.byteLength(text.slice(0, end)) };
}

function encodeEntry(entry: JournalEntry): string {
  const body = JSON.stringify(entry);
  return `${checksum(body)} ${body}\n`;
}

function decodeEntry(line: string, seq: number): JournalEntry | undefined {
  const body = line.slice(17);
  if (line[16] !== ' ' || checksum(body) !== line.slice(0, 16)) return undefined;
  const entry = JSON.parse(body) as JournalEntry;
  return entry.seq === seq ? entry : undefined;
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}
