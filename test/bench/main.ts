// What scripts/bench runs on Node 24: see there for its usage.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Scope } from '../../src/base/scope.ts';
import { type Measured, measureRow } from './measure.ts';
import { pullRow } from './pull.ts';
import { benchRows } from './rows.ts';
import { prepare } from './setting.ts';

const peers = ['ctr run', 'docker run', 'ctr pull', 'Transfer', 'docker pull', 'podman pull', 'node -e 0'];

/** Parts that no peer has anything to set against. */
const alone = /MiB$|delay|cpu$/;

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, only: { type: 'string' }, json: { type: 'string' } },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a number of at least 1');

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));

const results: Record<string, Measured['medians']> = {};
{
  await using scope = new Scope((event) => {
    if (event.type === 'release-failed') note(`${event.what}: ${event.message}`);
  });
  const setting = await prepare(scope, note);
  const wanted = (name: string): boolean => options.only === undefined || options.only === name;
  const rows = benchRows(setting, rounds).filter(({ name }) => wanted(name));
  if (wanted('pull')) rows.push(await pullRow(scope, { setting, rounds: Math.max(1, Math.floor(rounds / 2)), note }));
  for (const row of rows) {
    stopped.signal.throwIfAborted();
    const measured = await measureRow(row, (text) => {
      stopped.signal.throwIfAborted();
      note(text);
    });
    results[row.name] = measured.medians;
    printRow(`${row.name}: ${row.what}`, measured);
  }
}
const report = { node: process.versions.node, cores: availableParallelism(), rounds, rows: results };
process.stdout.write(`${JSON.stringify(report)}\n`);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);

function printRow(title: string, { medians, least }: Measured): void {
  const against = peers.filter((peer) => medians[peer] !== undefined);
  const head = ['', 'median', 'least', ...against.map((peer) => `/ ${peer}`)];
  const lines = Object.entries(medians).map(([name, value]) => [
    name,
    value.toFixed(1),
    (least[name] ?? Number.NaN).toFixed(1),
    ...against.map((peer) => (alone.test(name) ? '' : (value / (medians[peer] ?? Number.NaN)).toFixed(2))),
  ]);
  const width = (column: number): number => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0));
  const text = [head, ...lines].map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column)))).join('  '),
  );
  process.stdout.write(`\n${title}\n${text.join('\n')}\n`);
}

function note(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
