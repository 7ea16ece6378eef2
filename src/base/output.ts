import { ApplicationError } from './errors.ts';
import { LineSplitter, type OnLine } from './lines.ts';
import type { RedactionScan } from './redaction.ts';
import type { Redactor } from './redactor.ts';

export interface OutputOptions {
  readonly redactor: Redactor;
  readonly onLine: OnLine;
}

/**
 * Turns the raw bytes of one stream into redacted lines: the only way output of a component becomes text.
 *
 * Every line comes with the raw offset to resume from. A reader that starts there, with the same secrets, gets exactly the lines that
 * had not been reported: a secret that spans lines hides their ends, so the offset lies never inside one.
 * Memory is one chunk, one line and the longest needle.
 */
export function createOutputReader({ redactor, onLine }: OutputOptions): OutputReader {
  let position: number | undefined;
  let lines: LineSplitter | undefined;
  let scan: RedactionScan | undefined;
  return Object.freeze({
    push: (chunk: Buffer, offset: number) => {
      if (scan === undefined) {
        lines = new LineSplitter(onLine, offset);
        scan = redactor.scan(lines);
      } else if (offset !== position) {
        throw new ApplicationError(`output goes on at ${offset} where ${position} was expected`);
      }
      position = offset + chunk.length;
      scan.push(chunk);
    },
    end: () => {
      scan?.flush();
      lines?.end();
    },
  });
}

export interface OutputReader {
  /**
   * The next bytes and their raw offset; the first may start at 0 or at an offset that `onLine` reported earlier, the others where the last ended.
   * Their memory may be used again after the call. @throws ApplicationError when bytes were left out or came twice.
   */
  push(chunk: Buffer, offset: number): void;
  /** The stream is over: reports what was held back, and the last line even without its end. */
  end(): void;
}
