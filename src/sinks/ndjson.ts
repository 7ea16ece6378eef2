import type { Writable } from 'node:stream';
import { safeJson } from './format.ts';
import { createOutlet } from './outlet.ts';
import { lineEnd } from './pages.ts';
import type { Sink } from './sink.ts';
import { createStamp, type Stamp } from './stamp.ts';

export interface NdjsonOptions {
  readonly stream: Writable;
  /** Characters waiting for a slow reader, at most. */
  readonly limit?: number;
  readonly now?: () => number;
  /** For a terminal: what one would obey is escaped. The JSON means the same. */
  readonly shown?: boolean;
}

/** Each event as one line of JSON with its `time`. A reader that is too slow loses the oldest `log` lines and gets a `log-dropped` event. */
export function createNdjsonSink({ stream, limit, now, shown = false }: NdjsonOptions): Sink {
  const stampPlain = createStamp(now);
  const stamp: Stamp = shown ? (event) => safeJson(stampPlain(event)) : stampPlain;
  const droppedNote = (lines: number): string => `${stamp({ type: 'log-dropped', lines })}\n`;
  const outlet = createOutlet({ stream, droppedNote, ...(limit !== undefined && { limit }) });
  return Object.freeze({
    emit: (event) => outlet.write(event.type === 'log' ? 'log' : 'other', stamp(event), lineEnd),
    ready: outlet.ready,
    flush: outlet.flush,
    close: outlet.close,
  } satisfies Sink);
}
