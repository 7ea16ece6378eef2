// What scripts/bench runs on Node 24: see there for its usage.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Scope } from '../../src/base/scope.ts';
import { type Medians, measureRow } from './measure.ts';
import { benchRows } from './rows.ts';
import { prepare } from './setting.ts';

const peers = ['ctr run', 'docker run', 'node -e 0'];

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, only: { type: 'string' }, json: { type: 'string' } },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a number of at least 1');

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));

const results: Record<string, Medians> = {};
{
  await using scope = new Scope((event) => {
    if (event.type === 'release-failed') note(`${event.what}: ${event.message}`);
  });
  const setting = await prepare(scope, note);
  for (const row of benchRows(setting, rounds)) {
    if (options.only !== undefined && row.name !== options.only) continue;
    stopped.signal.throwIfAborted();
    const medians = await measureRow(row, (text) => {
      stopped.signal.throwIfAborted();
      note(text);
    });
    results[row.name] = medians;
    printRow(`${row.name}: ${row.what}`, medians);
  }
}
const report = { node: process.versions.node, cores: availableParallelism(), rounds, rows: results };
process.stdout.write(`${JSON.stringify(report)}\n`);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);

function printRow(title: string, medians: Medians): void {
  const against = peers.filter((peer) => medians[peer] !== undefined);
  const head = ['', 'median', ...against.map((peer) => `/ ${peer}`)];
  const lines = Object.entries(medians).map(([name, value]) => [
    name,
    value.toFixed(1),
    ...against.map((peer) => (name.endsWith('MiB') ? '' : (value / (medians[peer] ?? Number.NaN)).toFixed(2))),
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
