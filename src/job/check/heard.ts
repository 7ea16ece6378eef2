import type { Stream } from '../../base/events.ts';
import { LineSplitter, longestLine } from '../../base/lines.ts';
import { createRedactor } from '../../base/redactor.ts';
import type { FollowLog } from '../../runtime/logs.ts';

const keptCharacters = 60_000;

/** What a container printed on one stream. */
export interface Heard {
  /** The first 60,000 characters, redacted. */
  readonly text: string;
  readonly bytes: number;
  readonly isUtf8: boolean;
  readonly hasLongLine: boolean;
  readonly showsSecret: boolean;
}

export interface Listening {
  /** By stream, the file that grows. */
  readonly paths: Readonly<Record<Stream, string>>;
  readonly secrets: readonly string[];
  readonly followLog: FollowLog;
  readonly backlogBytes: number;
}

/** Output on its way from the shim's files. */
export interface Ear {
  /** To be called when the shim has written its last byte. */
  ended(): void;
  /** True once more is written than can be read in time. */
  isFlooded(): boolean;
  /** Resolves when everything has been read. */
  heard(): Promise<Readonly<Record<Stream, Heard>>>;
}

/** Reads both streams to their ends, in constant memory. */
export function listen({ paths, secrets, followLog, backlogBytes }: Listening): Ear {
  const ended = Promise.withResolvers<void>();
  const state = { isFlooded: false };
  const streams = (['stdout', 'stderr'] as const).map(async (stream) => {
    const ear = new StreamEar(secrets);
    const onChunk = (bytes: Buffer): undefined => ear.take(bytes);
    const limits = { backlogBytes };
    await followLog({ path: paths[stream], from: 0, ended: ended.promise, onChunk, limits }).catch((error: unknown) => {
      if (!(error instanceof Error && 'reason' in error && error.reason === 'quota')) throw error;
      state.isFlooded = true;
    });
    return ear.end();
  });
  const all = Promise.all(streams);
  all.catch(() => undefined);
  return {
    ended: ended.resolve,
    isFlooded: () => state.isFlooded,
    heard: async () => {
      const [stdout, stderr] = (await all) as [Heard, Heard];
      return { stdout, stderr };
    },
  };
}

class StreamEar {
  readonly #text = new TextDecoder('utf-8', { fatal: true });
  readonly #lines: LineSplitter;
  readonly #scan: ReturnType<ReturnType<typeof createRedactor>['scan']>;
  #kept = '';
  #bytes = 0;
  #isUtf8 = true;
  #hasLongLine = false;
  #showsSecret = false;

  constructor(secrets: readonly string[]) {
    this.#lines = new LineSplitter((line, _end, continued) => {
      this.#hasLongLine ||= continued && line.length > longestLine / 4;
      if (this.#kept.length < keptCharacters) this.#kept += `${line}\n`;
    });
    this.#scan = createRedactor(secrets).scan({
      clean: (bytes) => this.#lines.clean(bytes),
      hidden: (length, first) => {
        this.#showsSecret = true;
        this.#lines.hidden(length, first);
      },
    });
  }

  take(bytes: Buffer): undefined {
    this.#bytes += bytes.length;
    this.#decode(bytes);
    this.#scan.push(bytes);
  }

  end(): Heard {
    this.#decode(undefined);
    this.#scan.flush();
    this.#lines.end();
    return {
      text: this.#kept.slice(0, keptCharacters),
      bytes: this.#bytes,
      isUtf8: this.#isUtf8,
      hasLongLine: this.#hasLongLine,
      showsSecret: this.#showsSecret,
    };
  }

  #decode(bytes: Buffer | undefined): void {
    if (!this.#isUtf8) return;
    try {
      this.#text.decode(bytes, { stream: bytes !== undefined });
    } catch {
      this.#isUtf8 = false;
    }
  }
}
