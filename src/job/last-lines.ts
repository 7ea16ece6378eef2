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

/** Keeps the last lines of both streams in the order in which they were seen, and makes nothing for a line: there may be millions. */
export class LastLines {
  readonly #streams: Stream[] = [];
  readonly #messages: string[] = [];
  #seen = 0;

  add(stream: Stream, message: string): void {
    if (message.trim() === '') return;
    const at = this.#seen % lastLinesKept;
    this.#streams[at] = stream;
    this.#messages[at] = message;
    this.#seen += 1;
  }

  list(): readonly LastLine[] {
    const first = Math.max(0, this.#seen - lastLinesKept);
    return Array.from({ length: this.#seen - first }, (_, i) => {
      const at = (first + i) % lastLinesKept;
      return { stream: this.#streams[at] as Stream, message: cut(this.#messages[at] as string) };
    });
  }
}

function cut(text: string): string {
  return text.length > longestLine ? `${text.slice(0, longestLine).toWellFormed()}…` : text;
}
