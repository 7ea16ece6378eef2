import type { Writable } from 'node:stream';
import { describeEvent } from './describe.ts';
import { neutralise } from './format.ts';
import { createOutlet } from './outlet.ts';
import { lineEnd } from './pages.ts';
import { paint } from './paint.ts';
import type { Sink } from './sink.ts';

export interface PlainOptions {
  readonly stream: Writable;
  /** Characters waiting for a slow reader, at most. */
  readonly limit?: number;
  /** For a reader that shows it. */
  readonly colour?: boolean;
}

/** Lines for people, for pipes and log files: no colour unless asked for, no cursor movement, nothing of a component's output that a terminal would obey. */
export function createPlainSink({ stream, limit, colour = false }: PlainOptions): Sink {
  const droppedNote = (lines: number): string => `${describeEvent({ type: 'log-dropped', lines })}\n`;
  const outlet = createOutlet({ stream, droppedNote, ...(limit !== undefined && { limit }) });
  let component = '';
  let prefix = ' | ';
  const prefixOf = (asked: string): string => {
    if (asked !== component) {
      component = asked;
      prefix = `${neutralise(asked)} | `;
    }
    return prefix;
  };
  return Object.freeze({
    emit: (event) => {
      if (event.type === 'log' && !colour) {
        // As `describeEvent` says it, but in parts: see `PageQueue`.
        outlet.write('log', prefixOf(event.component), neutralise(event.message), lineEnd);
        return;
      }
      const text = describeEvent(event);
      if (text !== undefined)
        outlet.write(event.type === 'log' ? 'log' : 'other', colour ? paint(text, event) : text, lineEnd);
    },
    ready: outlet.ready,
    flush: outlet.flush,
    close: outlet.close,
  } satisfies Sink);
}
