import { execFile } from 'node:child_process';
import { constants, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { InfrastructureError, UserError } from '../base/errors.ts';

export interface FollowLogOptions {
  /** A regular file that somebody appends to. */
  readonly path: string;
  /** Offset of the first byte wanted; 0 for all of it. */
  readonly from: number;
  /** Settles once nothing will be appended any more; the file is then read to its end. */
  readonly ended: Promise<void>;
  /**
   * Called in order. The bytes are valid during the call only: the buffer is used again. `endOffset` is where the next chunk begins.
   * A promise is waited for before the next chunk: that is how a slow reader slows the follower down.
   */
  readonly onChunk: (bytes: Buffer, endOffset: number) => Promise<void> | undefined;
  /** Offset below which nobody will ever ask again, so that its space can be given back. Absent: everything passed to `onChunk`. */
  readonly settledOffset?: () => number;
  /** Bytes at the beginning whose space is never given back: somebody will read them again. */
  readonly keepHeadBytes?: number;
  readonly limits: {
    /** Bytes written and not yet passed on. */
    readonly backlogBytes: number;
  };
}

export type FollowLog = (options: FollowLogOptions) => Promise<number>;

const bufferBytes = 64 * 1024;
const giveBackBytes = 8 * 1024 * 1024;
const backlogCheckBytes = 16 * 1024 * 1024;
const pollMs = 100;

/**
 * Passes on a growing file until `ended`, then to its last byte, in constant memory, and answers the offset of its end. Space of what
 * was passed on is given back to the file system in holes; the file is never truncated.
 * @throws UserError reason `quota` (`data.resource` is `log`) when more than the allowed backlog waits; what `onChunk` throws.
 */
export const followLog: FollowLog = async (options) => {
  const { path, from, ended, onChunk, settledOffset, keepHeadBytes = 0, limits } = options;
  await using file = await openRegularFile(path);
  using changes = new FileChanges(path, ended);
  const space = new ConsumedSpace(path, Math.max(from, keepHeadBytes));
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let offset = from;
  let nextBacklogCheck = from;
  for (;;) {
    // Asked before reading: what is read after the end was announced is everything.
    const last = changes.ended;
    const { bytesRead } = await file.read(buffer, 0, bufferBytes, offset);
    if (bytesRead > 0) {
      offset += bytesRead;
      const pause = onChunk(buffer.subarray(0, bytesRead), offset);
      if (pause !== undefined) await pause;
      space.giveBack(Math.min(offset, settledOffset?.() ?? offset));
      if (!last && offset >= nextBacklogCheck) {
        nextBacklogCheck = offset + backlogCheckBytes;
        await checkBacklog(file, { path, offset, most: limits.backlogBytes });
      }
    } else if (last) {
      await space.idle();
      return offset;
    } else {
      await changes.next();
    }
  }
};

async function openRegularFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new InfrastructureError(`${path} is not a regular file`, { hint: 'Something else replaced a log file.' });
}

async function checkBacklog(
  file: FileHandle,
  { path, offset, most }: { readonly path: string; readonly offset: number; readonly most: number },
): Promise<void> {
  const backlog = (await file.stat()).size - offset;
  if (backlog <= most) return;
  throw new UserError(`output is written faster than it can be passed on: ${backlog} bytes wait, ${most} are allowed`, {
    reason: 'quota',
    data: { resource: 'log', path },
  });
}

/** Tells when a look at the file is worth it: it changed, a moment passed (some file systems tell no changes), or its end was announced. */
class FileChanges implements Disposable {
  ended = false;
  #changed = false;
  #wake: () => void = () => {};
  readonly #stop: () => void;

  constructor(path: string, ended: Promise<void>) {
    const signal = (): void => {
      this.#changed = true;
      this.#wake();
    };
    const end = (): void => {
      this.ended = true;
      signal();
    };
    ended.then(end, end);
    this.#stop = watchFile(path, signal);
  }

  /** Resolves at once when something happened since the last call. */
  async next(): Promise<void> {
    if (!this.#changed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, pollMs);
      await promise;
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

function watchFile(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    // The host's inotify limits are used up: the timer is enough.
    return () => {};
  }
}

const run = promisify(execFile);

/** Punches holes where the file has been consumed, one helper process at a time; Node has no call for it. */
class ConsumedSpace {
  readonly #path: string;
  #givenBack: number;
  #running: Promise<void> | undefined;
  #supported = true;

  constructor(path: string, from: number) {
    this.#path = path;
    this.#givenBack = from;
  }

  giveBack(upTo: number): void {
    if (!this.#supported || this.#running !== undefined || upTo - this.#givenBack < giveBackBytes) return;
    const [offset, length] = [this.#givenBack, upTo - this.#givenBack];
    this.#givenBack = upTo;
    this.#running = this.#punch(offset, length).finally(() => {
      this.#running = undefined;
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #punch(offset: number, length: number): Promise<void> {
    try {
      await run('fallocate', ['--punch-hole', '--offset', String(offset), '--length', String(length), this.#path]);
    } catch {
      // A file system without holes keeps the bytes until the file goes; the guard of free space still holds.
      this.#supported = false;
    }
  }
}
