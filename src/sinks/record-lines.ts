import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { InfrastructureError } from '../base/errors.ts';

/** One line of a record, without its end, and where the next one begins in the file. The bytes are overwritten by what is read next. */
export interface RecordLine {
  readonly line: Buffer;
  readonly end: number;
}

/**
 * The lines of a record from an offset at which one begins, in their order and in constant memory; of a missing record none. Ends before
 * the first line that is not whole: whoever follows a record that is being written goes on there later.
 * @throws InfrastructureError when it is no regular file
 */
export async function* recordLines(path: string, from = 0): AsyncGenerator<RecordLine> {
  const handle = await openIfPresent(path);
  if (handle === undefined) return;
  try {
    if (!(await handle.stat()).isFile()) throw new InfrastructureError(`${path} is not a regular file`);
    const memory = Buffer.allocUnsafeSlow(chunkBytes + longestRecordLine);
    let begin = from;
    for (let kept = 0; ; ) {
      const { bytesRead } = await handle.read(memory, kept, chunkBytes, begin + kept);
      if (bytesRead === 0) return;
      const filled = memory.subarray(0, kept + bytesRead);
      let at = 0;
      for (let feed = filled.indexOf(10, kept); feed >= 0; feed = filled.indexOf(10, at)) {
        const line = filled.subarray(at, feed);
        if (!line.subarray(0, opening.length).equals(opening) || line.at(-1) !== closingBrace) return;
        at = feed + 1;
        yield { line, end: begin + at };
      }
      memory.copyWithin(0, at, filled.length);
      begin += at;
      kept = filled.length - at;
      if (kept > longestRecordLine) return;
    }
  } finally {
    await handle.close();
  }
}

const chunkBytes = 256 * 1024;
/** A log line of 64 KiB takes six times that when every character is escaped; what is longer was not written by us. */
const longestRecordLine = 1024 * 1024;
const opening = Buffer.from('{"time":"');
const closingBrace = 0x7d;

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
