import type { Writable } from 'node:stream';
import { createOutlet } from './outlet.ts';
import { lineEnd } from './pages.ts';
import type { Sink } from './sink.ts';
import { createStamp } from './stamp.ts';

export interface NdjsonOptions {
  readonly stream: Writable;
  /** Characters waiting for a slow reader, at most. */
  readonly limit?: number;
  readonly now?: () => number;
}

/** Each event as one line of JSON with its `time`. A reader that is too slow loses the oldest `log` lines and gets a `log-dropped` event. */
export function createNdjsonSink({ stream, limit, now }: NdjsonOptions): Sink {
  const stamp = createStamp(now);
  const droppedNote = (lines: number): string => `${stamp({ type: 'log-dropped', lines })}\n`;
  const outlet = createOutlet({ stream, droppedNote, ...(limit !== undefined && { limit }) });
  return Object.freeze({
    emit: (event) => outlet.write(event.type === 'log' ? 'log' : 'other', stamp(event), lineEnd),
    ready: outlet.ready,
    flush: outlet.flush,
    close: outlet.close,
  } satisfies Sink);
}
