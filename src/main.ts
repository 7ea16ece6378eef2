import { classify, exitCodeOf, Stopped } from './base/errors.ts';
import { printError } from './cli/output.ts';
import { runCli } from './cli/program.ts';

const stop = new AbortController();

/** A parent that dies may send its signal twice; only a person asks again after a moment. */
const repeatMs = 500;

/** A terminal that is closed asks to stop like SIGTERM does. */
const stopping = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM' } as const;

function onSignal(signal: keyof typeof stopping): void {
  if (stop.signal.aborted) return;
  stop.abort(new Stopped(stopping[signal]));
  setTimeout(() => {
    for (const again of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(again).once(again, leave);
  }, repeatMs).unref();
}

/** Asked twice: goes at once. What is left has a journal. */
function leave(signal: 'SIGINT' | 'SIGTERM'): never {
  const hint =
    'A job that was running still is: go on with `componentd resume JOB`, or remove it with `componentd sweep`.';
  printError(new Stopped(signal, { hint }), { json: false });
  process.exit(signal === 'SIGTERM' ? 143 : 130);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
// A reader that went away is no reason to abandon a job.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// What nobody has caught ends us, without a stack trace; a rejection comes here too. A job has a journal and is found by `resume`.
process.on('uncaughtException', (thrown: unknown) => {
  printError(classify(thrown), { json: process.argv.includes('--json') });
  process.exit(exitCodeOf(thrown));
});

// No `await` here: the bundle is CommonJS. Node takes 5 ms to take itself apart, which `exit` spares once everything is written.
runCli(process.argv.slice(2), stop.signal).then(async (code) => {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
});

function written(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}
