import type { Stream } from '../base/events.ts';
import { recordLines } from './record-lines.ts';

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

/** Reads a record once; a missing one is empty. Reading ends before the first line that is not whole. */
export async function readRecord(path: string): Promise<KnownRecord> {
  const offsets = new Map<string, number>();
  let length = 0;
  let logBytes = 0;
  let full = false;
  for await (const { line, end } of recordLines(path)) {
    const head = line.toString('utf8', 0, 256);
    length = end;
    const log = logPattern.exec(head);
    const dropped = log === null ? droppedPattern.exec(head) : null;
    const [, row, stage, stream, offset] = log ?? dropped ?? [];
    if (log !== null) logBytes += line.length + 1;
    if (dropped !== null) full = true;
    if (offset !== undefined) offsets.set(sourceKey(Number(row), Number(stage), stream as Stream), Number(offset));
  }
  return { length, offsets, logBytes, full };
}

const logPattern = /^\{"time":"[^"]*","type":"log","row":(\d+),"stage":(\d+),"stream":"(\w+)",(?:"offset":(\d+),)?/;
const droppedPattern =
  /^\{"time":"[^"]*","type":"log-dropped","lines":\d+,"source":\{"row":(\d+),"stage":(\d+),"stream":"(\w+)","offset":(\d+)\}\}/;
