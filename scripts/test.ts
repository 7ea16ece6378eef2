// What scripts/test runs on Node 24: see there for its usage. Every check counts as one test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findRelease, type ReleaseName, releaseNames } from '../test/support/releases.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of vitest's JSON report that is counted (the shape is Jest's). */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const root = resolve(import.meta.dirname, '..');
const limitMs = 27 * 60 * 1000;
const checks: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', 'tsc', '--noEmit'],
  ['lint and format', 'biome', 'ci', '--diagnostic-level=warn', '.'],
  ['generated files', 'node', 'scripts/generate.ts', '--check'],
];

/** A run of vitest that has its own temporary directory, containerd and registry, so that it may go on beside another. */
interface Part {
  readonly name: string;
  readonly args: readonly string[];
}

/** Three at once keep two cores busy, since much of a test is waiting. Small parts let the last ones end together. */
const lanes = 3;
const everything: readonly Part[] = [
  { name: 'unit', args: ['--project', 'unit'] },
  ...shards('once', 2),
  ...releaseNames.flatMap(partsOf),
];

const args = process.argv.slice(2);
const at = args.indexOf('--containerd');
const release = at === -1 ? undefined : args[at + 1];
const filters = at === -1 ? args : args.toSpliced(at, 2);
if (at !== -1 && !releaseNames.some((name) => name === release)) {
  throw new Error(`--containerd needs a release line: ${releaseNames.join(', ')}`);
}
const began = Date.now();
const running = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
  });
}

const isEverything = release === undefined && filters.length === 0;
const chosen = release === undefined ? [] : ['--project', `containerd-${release}`];
const queue = isEverything ? [...everything] : [{ name: 'tests', args: [...chosen, ...filters] }];
const parts = isEverything ? await runChecks() : [];
const lane = async (): Promise<void> => {
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) parts.push(await runTests(part));
};
await Promise.all(Array.from({ length: lanes }, lane));
const sum = (key: keyof Counts): number => parts.reduce((total, part) => total + part[key], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`);

/** Where a release is missing there is one test, which says so. */
function partsOf(release: ReleaseName): Part[] {
  const name = `containerd-${release}`;
  if (findRelease(release) === undefined) return [{ name, args: ['--project', name] }];
  return shards(name, 3);
}

function shards(project: string, count: number): Part[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${project}-${index + 1}`,
    args: ['--project', project, '--shard', `${index + 1}/${count}`],
  }));
}

async function runChecks(): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const [name, command = '', ...args] of checks) {
    const ok = (await run(command, args)) === 0;
    process.stdout.write(`${ok ? 'ok' : 'FAILED'}: ${name}\n`);
    counts.push({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
  }
  return counts;
}

async function runTests({ name, args }: Part): Promise<Counts> {
  const folder = `${root}/.test`;
  const report = `${folder}/${name}.json`;
  const temporary = join(tmpdir(), name);
  await mkdir(folder, { recursive: true });
  await mkdir(temporary, { recursive: true });
  await rm(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const started = Date.now();
  // What runs beside something else is told in one piece when it is over.
  const log = isEverything ? `${folder}/${name}.log` : undefined;
  const code = await run('vitest', ['run', ...reporters, ...args], { log, TMPDIR: temporary });
  if (log !== undefined) {
    process.stdout.write(await readFile(log, 'utf8'));
    process.stdout.write(
      `${code === 0 ? 'ok' : 'FAILED'}: ${name} in ${Math.round((Date.now() - started) / 1000)} s\n`,
    );
  }
  const counts = countTests(await readFile(report, 'utf8').catch(() => undefined));
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** A file that broke outside of its tests, before the first or after the last, is one failed test. */
function countTests(text: string | undefined): Counts {
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(text) as Report;
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Runs a command to its end, or to the time limit of the whole. `log` is a file for its output. */
async function run(
  command: string,
  args: readonly string[],
  { log, ...env }: { readonly log?: string | undefined; readonly TMPDIR?: string } = {},
): Promise<number> {
  const out = log === undefined ? 'inherit' : openSync(log, 'w');
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', out, out], env: { ...process.env, ...env } });
  if (typeof out === 'number') closeSync(out);
  running.add(child);
  const left = began + limitMs - Date.now();
  const term = setTimeout(() => {
    process.stdout.write(`FAILED: ${command} is over the time limit of ${limitMs / 60_000} minutes\n`);
    child.kill('SIGTERM');
  }, left);
  const kill = setTimeout(() => child.kill('SIGKILL'), left + 20_000);
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  clearTimeout(term);
  clearTimeout(kill);
  return code ?? 1;
}
