import type { JobEvent } from '../base/events.ts';

/** Renders an event as one line of JSON, without its end: `time` (ISO 8601, UTC) first, then the event's own fields. */
export type Stamp = (event: JobEvent) => string;

/**
 * `log` lines begin with what `readRecord` looks for. They are made in one piece: of strings put together and flattened later, the garbage
 * collector takes enough for lasting to let the heap grow by a fifth of all that passes.
 */
export function createStamp(now: () => number = Date.now): Stamp {
  let at = Number.NaN;
  let time = '';
  return (event) => {
    const moment = now();
    if (moment !== at) {
      at = moment;
      time = new Date(moment).toISOString();
    }
    if (event.type !== 'log') return JSON.stringify({ time, ...event });
    const { type, row, stage, stream, offset, level, component, message } = event;
    return JSON.stringify({ time, type, row, stage, stream, offset, level, component, message });
  };
}
