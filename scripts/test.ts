// What scripts/test runs on Node 24: see there for its usage. Every check counts as one test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';

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
const limitMs = 24 * 60 * 1000;
const checks: readonly (readonly [name: string, ...command: string[]])[] = [
  ['types', 'tsc', '--noEmit'],
  ['lint and format', 'biome', 'ci', '--diagnostic-level=warn', '.'],
  ['generated files', 'node', 'scripts/generate.ts', '--check'],
];

const filters = process.argv.slice(2);
const began = Date.now();
let running: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => running?.kill(signal));

const parts = [...(filters.length === 0 ? await runChecks() : []), await runTests()];
const sum = (key: keyof Counts): number => parts.reduce((total, part) => total + part[key], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}\n`);

async function runChecks(): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const [name, command = '', ...args] of checks) {
    const ok = (await run(command, args)) === 0;
    process.stdout.write(`${ok ? 'ok' : 'FAILED'}: ${name}\n`);
    counts.push({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
  }
  return counts;
}

async function runTests(): Promise<Counts> {
  const report = `${root}/.test/report.json`;
  await mkdir(`${root}/.test`, { recursive: true });
  await rm(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('vitest', ['run', ...reporters, ...filters]);
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

/** Runs a command to its end, or to the time limit of the whole. */
async function run(command: string, args: readonly string[]): Promise<number> {
  running = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const child = running;
  const left = began + limitMs - Date.now();
  const term = setTimeout(() => {
    process.stdout.write(`FAILED: ${command} is over the time limit of ${limitMs / 60_000} minutes\n`);
    child.kill('SIGTERM');
  }, left);
  const kill = setTimeout(() => child.kill('SIGKILL'), left + 20_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(term);
  clearTimeout(kill);
  return code ?? 1;
}
