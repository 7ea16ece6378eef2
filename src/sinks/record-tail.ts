import type { Stream } from '../base/events.ts';
import { recordLines } from './record-lines.ts';

/** A `log` line of a record. */
export interface TailLine {
  readonly stream: Stream;
  readonly message: string;
  readonly offset: number;
}

/** The last `count` lines of output that a record holds of one stage, the oldest first. Reads the record once, in constant memory. */
export async function readTail(
  path: string,
  { row, stage, count }: { readonly row: number; readonly stage: number; readonly count: number },
): Promise<readonly TailLine[]> {
  const wanted = `"type":"log","row":${row},"stage":${stage},`;
  let kept: string[] = [];
  for await (const { line } of recordLines(path)) {
    if (!line.toString('latin1', 0, 128).includes(wanted)) continue;
    if (kept.length === 2 * count) kept = kept.slice(-count);
    kept.push(line.toString());
  }
  return kept.slice(-count).map((line) => {
    const { stream, message, offset = 0 } = JSON.parse(line) as TailLine & { readonly offset?: number };
    return { stream, message, offset };
  });
}
