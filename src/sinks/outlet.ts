import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { within } from '../base/abort.ts';
import { type Kind, type Page, PageQueue, type Parts } from './pages.ts';

/** A bounded queue in front of a stream that may be slow, stuck or closed. Nothing here throws or waits. */
export interface Outlet {
  /** Takes a text in parts, which follow each other at once. */
  write(kind: Kind, ...parts: Parts): void;
  /** See `Sink.ready`. */
  ready(): Promise<void> | undefined;
  /** Resolves when everything is written, the stream is closed, or the time has passed. */
  flush(deadlineMs: number): Promise<void>;
  /** Flushes, then gives the stream up if it is still stuck, so that its reader does not keep the process alive. */
  close(deadlineMs?: number): Promise<void>;
}

export interface OutletOptions {
  readonly stream: Writable;
  /** Rendered where lines were left out. */
  readonly droppedNote: (lines: number) => string;
  /** Bytes waiting, at most. The oldest log lines go first, and everything else only when no log line is left. */
  readonly limit?: number;
}

const longestPage = 65_536;
const stuckMs = 2000;

export function createOutlet({ stream, droppedNote, limit = 256 * 1024 }: OutletOptions): Outlet {
  const pageBytes = Math.min(longestPage, Math.ceil(limit / 4));
  const queue = new PageQueue(pageBytes);
  let dropped = 0;
  let blocked = false;
  let closed = false;
  let scheduled = false;
  let writing = 0;
  let stuck = false;
  let idle: (() => void)[] = [];
  let room: (() => void)[] = [];

  const waiting = (): boolean => dropped > 0 || queue.length > 0;
  const close = (): void => {
    dropped = 0;
    closed = true;
    writing = 0;
    queue.clear();
    settle();
  };
  const settle = (): void => {
    if (queue.length <= limit / 4) {
      for (const resolve of room) resolve();
      room = [];
    }
    if (writing > 0 || waiting()) return;
    for (const resolve of idle) resolve();
    idle = [];
  };
  const written = (error?: Error | null): void => {
    writing = Math.max(0, writing - 1);
    if (error) close();
    else settle();
  };
  const writeNext = (): boolean => {
    writing += 1;
    if (dropped > 0) {
      const note = droppedNote(dropped);
      dropped = 0;
      return stream.write(note, written);
    }
    const page = queue.shift() as Page;
    return stream.write(page.memory.subarray(0, page.end), (error) => {
      queue.giveBack(page);
      written(error);
    });
  };
  const pump = (): void => {
    scheduled = false;
    while (!blocked && !closed && waiting()) {
      try {
        blocked = !writeNext();
      } catch {
        close();
      }
    }
  };

  const flush = async (deadlineMs: number): Promise<void> => {
    pump();
    const { promise, resolve } = Promise.withResolvers<void>();
    idle.push(resolve);
    settle();
    await within(promise, deadlineMs);
  };

  stream.on('error', close);
  stream.on('close', close);
  stream.on('drain', () => {
    blocked = false;
    stuck = false;
    pump();
  });

  return Object.freeze({
    write: (kind: Kind, ...parts: Parts) => {
      if (closed) return;
      queue.push(kind, parts);
      if (queue.length >= pageBytes) pump();
      while (queue.length > limit) dropped += queue.drop();
      if (scheduled) return;
      scheduled = true;
      setImmediate(pump);
    },
    ready: () => {
      if (closed || stuck || queue.length <= limit / 2) return undefined;
      const { promise, resolve } = Promise.withResolvers<true>();
      room.push(() => resolve(true));
      return within(promise, stuckMs).then((came) => {
        stuck = came === undefined;
      });
    },
    flush,
    close: async (deadlineMs = 1000) => {
      await flush(deadlineMs);
      if (writing > 0 || waiting()) stream.destroy();
      close();
    },
  });
}

/** Standard output that never blocks the process when it is a pipe or a socket whose reader is slow; otherwise the stream Node made. */
export function unblocked(stream: Writable & { readonly fd: number }): Writable {
  const info = fstatSync(stream.fd);
  return info.isFIFO() || info.isSocket() ? new Socket({ fd: stream.fd, readable: false, writable: true }) : stream;
}
