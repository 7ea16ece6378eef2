import { createLiveSink } from '../sinks/live.ts';
import { createNdjsonSink } from '../sinks/ndjson.ts';
import { unblocked } from '../sinks/outlet.ts';
import { createPlainSink } from '../sinks/plain.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Session } from './session.ts';
import { isColoured } from './terminal.ts';

/** NDJSON with `--json`, nothing with `--quiet`, a live view on a terminal, plain lines in a pipe. */
export function createScreen({ json, quiet, config }: Session): Sink {
  if (quiet && !json) return silent;
  const colour = isColoured(config, process.stdout);
  if (!json && process.stdout.isTTY && config.liveView) return createLiveSink({ stream: process.stdout, colour });
  const stream = unblocked(process.stdout);
  return json ? createNdjsonSink({ stream, shown: process.stdout.isTTY }) : createPlainSink({ stream, colour });
}

const silent: Sink = {
  emit: () => undefined,
  ready: () => undefined,
  flush: async () => undefined,
  close: async () => undefined,
};
