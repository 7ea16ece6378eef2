import { stat } from 'node:fs/promises';
import { sleep } from '../base/abort.ts';
import { liveOwner } from '../job/folder.ts';
import { type RecordLine, recordLines } from '../sinks/record-lines.ts';
import { filesOf } from './job-status.ts';

/** A record's writer buffers for 200 ms. */
const everyMs = 250;

/**
 * The lines of a job's record, those to come among them, until no process runs the job any more. It is looked at again and again: what
 * another process appends, no call of Linux tells reliably on every file system. @throws the signal's reason
 */
export async function* followRecord(
  path: string,
  { from, signal }: { readonly from: number; readonly signal: AbortSignal },
): AsyncGenerator<RecordLine> {
  const record = filesOf(path).events;
  let position = from;
  // The owner lets go of the folder just before its last lines are out.
  for (let silent = 0; silent < 2; ) {
    const isLive = (await liveOwner(path)) !== undefined;
    const size = await stat(record).then(
      ({ size: bytes }) => bytes,
      () => 0,
    );
    if (size > position) {
      for await (const line of recordLines(record, position)) {
        position = line.end;
        yield line;
      }
    }
    silent = isLive ? 0 : silent + 1;
    if (silent < 2) await sleep(everyMs, signal);
  }
}
