// What scripts/demo runs on Node 24: see there for its usage.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, Stopped, UsageError } from '../src/base/errors.ts';
import { Scope } from '../src/base/scope.ts';
import { Cli, CommandFailed } from './lib/cli.ts';
import { useContainerd } from './lib/demo-containerd.ts';
import { startRegistry } from './lib/demo-registry.ts';
import { type Demo, exampleDemo } from './lib/example-demo.ts';
import { foreignDemo } from './lib/foreign-demo.ts';

const root = resolve(import.meta.dirname, '..');
const folder = `${root}/.demo`;
const begun = Date.now();

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stopped.abort(new Stopped(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM')));
}
try {
  await demonstrate(chooseDemo());
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = codeOf(error);
}

function codeOf(error: unknown): number {
  if (error instanceof CommandFailed) return error.code;
  return error instanceof Stopped || error instanceof UsageError ? exitCodeOf(error) : 1;
}

async function demonstrate(demo: Demo): Promise<void> {
  await using scope = new Scope((event) => {
    if (event.type === 'release-failed') process.stderr.write(`demo: ${event.what}: ${event.message}\n`);
  });
  const address = process.env.CONTAINERD_ADDRESS ?? '/run/containerd/containerd.sock';
  const containerd = await useContainerd(address, `${folder}/containerd`);
  scope.own('containerd', containerd.stop);
  say(`containerd: ${containerd.kind} on ${containerd.address}`);
  const cli = new Cli({ root, folder, address: containerd.address, signal: stopped.signal });
  // A project of an older version stays usable; without one there is nothing to upgrade.
  await cli.succeeds('project', 'upgrade');
  await cli.quiet('sweep');
  const registry = await startRegistry(`${folder}/registry`);
  scope.own('registry', registry.stop);
  if (!(await cli.succeeds('storage', 'ls'))) await cli.quiet('init', '--name', 'Demo');

  const job = await demo.prepare({ cli, registry: registry.host, folder, say, signal: stopped.signal });
  say(`running ${job.component} on ${job.input}`);
  await cli.shown('run', job.component, '--config', job.config);

  const outputs = (await cli.tables()).filter((table) => job.buckets.some((bucket) => table.startsWith(`${bucket}.`)));
  for (const table of outputs) {
    say(`first rows of ${table}`);
    await cli.shown('storage', 'show', table, '--rows', '5');
  }
  const { state } = await cli.configuration(job.component, job.config);
  say(`state of ${job.component} after this run: ${JSON.stringify(state.component ?? {})}`);
  say(`done in ${((Date.now() - begun) / 1000).toFixed(1)} s. Look further, with or without containerd:`);
  const further = [...outputs.map((table) => `show ${table} --rows 20`), 'ls'];
  for (const what of further) process.stdout.write(`  bin/componentd --project .demo/project storage ${what}\n`);
}

function chooseDemo(): Demo {
  const { image, table, parameters } = readFlags();
  if (image === undefined && table === undefined && parameters === undefined)
    return exampleDemo(`${root}/test/examples`);
  if (image === undefined || table === undefined) {
    throw new UsageError('--image ARCHIVE and --table CSV go together; see scripts/demo --help');
  }
  return foreignDemo({
    image: resolve(image),
    table: resolve(table),
    parameters: parameters === undefined ? undefined : resolve(parameters),
  });
}

function readFlags(): { image?: string; table?: string; parameters?: string } {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ options: { image: text, table: text, parameters: text } }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; see scripts/demo --help`, { cause: error });
  }
}

function say(text: string): void {
  process.stdout.write(`== ${text}\n`);
}
