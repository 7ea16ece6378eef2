import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { InfrastructureError } from '../base/errors.ts';
import type { Stream } from '../base/events.ts';

/** What a record holds already. */
export interface KnownRecord {
  /** Bytes up to the end of its last whole line. */
  readonly length: number;
  /** By `sourceKey`: the highest raw offset any line reports. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Bytes of its `log` lines. */
  readonly logBytes: number;
  /** It says that lines were dropped. */
  readonly full: boolean;
}

export function sourceKey(row: number, stage: number, stream: Stream): string {
  return `${row}/${stage}/${stream}`;
}

/** Reads a record once, in chunks; a missing one is empty. Reading ends before the first line that is not whole. */
export async function readRecord(path: string): Promise<KnownRecord> {
  const offsets = new Map<string, number>();
  let length = 0;
  let logBytes = 0;
  let full = false;
  for await (const line of wholeLines(path)) {
    const head = line.toString('utf8', 0, 256);
    if (!head.startsWith('{"time":"') || line.at(-1) !== closingBrace) break;
    length += line.length + 1;
    const log = logPattern.exec(head);
    const dropped = log === null ? droppedPattern.exec(head) : null;
    const [, row, stage, stream, offset] = log ?? dropped ?? [];
    if (log !== null) logBytes += line.length + 1;
    if (dropped !== null) full = true;
    if (offset !== undefined) offsets.set(sourceKey(Number(row), Number(stage), stream as Stream), Number(offset));
  }
  return { length, offsets, logBytes, full };
}

/** A log line of 64 KiB takes six times that when every character is escaped; what is longer was not written by us. */
const longestRecordLine = 1024 * 1024;
const closingBrace = 0x7d;
const logPattern = /^\{"time":"[^"]*","type":"log","row":(\d+),"stage":(\d+),"stream":"(\w+)",(?:"offset":(\d+),)?/;
const droppedPattern =
  /^\{"time":"[^"]*","type":"log-dropped","lines":\d+,"source":\{"row":(\d+),"stage":(\d+),"stream":"(\w+)","offset":(\d+)\}\}/;

async function* wholeLines(path: string): AsyncGenerator<Buffer> {
  const handle = await openIfPresent(path);
  if (handle === undefined) return;
  try {
    if (!(await handle.stat()).isFile()) throw new InfrastructureError(`${path} is not a regular file`);
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let from = 0;
      for (let feed = bytes.indexOf(10); feed >= 0; feed = bytes.indexOf(10, from)) {
        yield bytes.subarray(from, feed);
        from = feed + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > longestRecordLine) return;
    }
  } finally {
    await handle.close();
  }
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
