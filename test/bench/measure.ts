import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** One way to do the thing a row measures. Answers milliseconds by name: what a caller can tell apart, for example the exit and the clean-up. */
export interface Contender {
  readonly name: string;
  run(round: number): Promise<Readonly<Record<string, number>>>;
}

export interface Row {
  readonly name: string;
  readonly what: string;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
}

/** By `contender` or `contender: part`. */
export type Figures = Readonly<Record<string, number>>;

/** The least says more than the median where the machine does other things too. */
export interface Measured {
  readonly medians: Figures;
  readonly least: Figures;
}

/** Runs every contender once a round, in turn, so that a busy minute hits all of them. The first round warms up and is not counted. */
export async function measureRow(row: Row, note: (text: string) => void): Promise<Measured> {
  const samples = new Map<string, number[]>();
  for (let round = 0; round <= row.rounds; round += 1) {
    note(`${row.name}: round ${round} of ${row.rounds}`);
    for (const contender of row.contenders) {
      for (const [part, value] of Object.entries(await contender.run(round))) {
        const key = part === '' ? contender.name : `${contender.name}: ${part}`;
        if (round > 0) samples.set(key, [...(samples.get(key) ?? []), value]);
      }
    }
  }
  const figures = (of: (values: readonly number[]) => number): Figures =>
    Object.fromEntries(Array.from(samples, ([key, values]) => [key, of(values)]));
  return { medians: figures(median), least: figures((values) => Math.min(...values)) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Milliseconds of a whole process, and the most memory it had at once (VmHWM of its first process, MiB). @throws when it does not end with 0 */
export async function timeProcess(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<{ ms: number; peakMiB: number }> {
  const begun = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid ?? 0));
  }, 10);
  const closed = once(child, 'close');
  const [code] = (await once(child, 'exit')) as [number | null];
  const ms = performance.now() - begun;
  clearInterval(watch);
  await closed;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stderr}`);
  return { ms, peakMiB };
}

function peakOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}
