import type { Stream } from '../base/events.ts';

/** One of the last lines that a component printed, redacted. */
export interface LastLine {
  readonly stream: Stream;
  readonly message: string;
}

/** A line that the record of the job holds. */
export interface RecordedLine extends LastLine {
  /** See `log` events. */
  readonly offset: number;
}

/** What a reader takes in at a glance; the record of the job has the rest. */
export const lastLinesKept = 10;
const longestLine = 500;

/** Keeps the last lines of both streams in the order in which they were seen. */
export class LastLines {
  #lines: LastLine[] = [];

  add(stream: Stream, message: string): void {
    if (message.trim() === '') return;
    if (this.#lines.length === 2 * lastLinesKept) this.#lines = this.#lines.slice(-lastLinesKept);
    this.#lines.push({ stream, message: message.slice(0, longestLine + 1) });
  }

  list(): readonly LastLine[] {
    return this.#lines.slice(-lastLinesKept).map(({ stream, message }) => ({ stream, message: cut(message) }));
  }
}

function cut(text: string): string {
  return text.length > longestLine ? `${text.slice(0, longestLine).toWellFormed()}…` : text;
}
