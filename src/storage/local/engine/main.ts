/**
 * The process in which DuckDB and the CSV reader live; the Storage starts it (engine/client.ts) and speaks to it over Node's IPC
 * channel: one message a request, one message an answer. It ends with its parent, whatever it is doing.
 */
import { UserError } from '../../../base/errors.ts';
import { Semaphore } from '../../../base/semaphore.ts';
import { engineCalls } from './calls.ts';
import { removeSpills } from './database.ts';
import type { EngineFailure, EngineSettings, FromEngine, ToEngine } from './protocol.ts';

serve();

function serve(): void {
  const running = new Map<number, AbortController>();
  // One CSV file is read while one query runs: each has its bound of memory.
  const reading = new Semaphore(1);
  const querying = new Semaphore(1);
  const tempDirectories = new Set<string>();
  process.once('disconnect', () => {
    try {
      for (const directory of tempDirectories) removeSpills(directory);
    } finally {
      process.kill(process.pid, 'SIGKILL');
    }
  });
  process.on('message', (message: ToEngine) => {
    if ('cancel' in message) {
      running.get(message.cancel)?.abort();
      return;
    }
    const { id, settings, call, request } = message;
    const controller = new AbortController();
    tempDirectories.add(settings.tempDirectory);
    running.set(id, controller);
    const run = engineCalls[call] as (
      request: unknown,
      settings: EngineSettings,
      signal: AbortSignal,
    ) => Promise<unknown>;
    const answer = (call === 'readTable' ? reading : querying).run(async () => {
      controller.signal.throwIfAborted();
      return run(request, settings, controller.signal);
    });
    answer
      .then(
        (value) => send({ id, answer: value }),
        (error: unknown) => send({ id, failure: failureOf(error, controller.signal) }),
      )
      .finally(() => running.delete(id));
  });
}

function send(message: FromEngine): void {
  process.send?.(message);
}

function failureOf(error: unknown, signal: AbortSignal): EngineFailure {
  if (signal.aborted) return { kind: 'cancelled' };
  if (error instanceof UserError) {
    const { message, problems, hint } = error;
    return { kind: 'user', message, problems, hint };
  }
  const { message, code, path } = error as NodeJS.ErrnoException;
  return { kind: 'other', message: message ?? String(error), code, path };
}
