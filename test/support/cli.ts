import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const launcher = join(import.meta.dirname, '../../bin/componentd');

/** How one command line ended. */
export interface Ran {
  /** The exit code, or 128 and the number of the signal that killed it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of standard output that are JSON objects. */
  readonly lines: readonly Line[];
  readonly durationMs: number;
  /** The most memory that the process was seen to have, in bytes. */
  readonly peakMemoryBytes: number;
}

/** An event, or the result at the end. */
// biome-ignore lint/suspicious/noExplicitAny: what a test reads out of it, the test judges.
export type Line = { readonly type: string } & Readonly<Record<string, any>>;

export interface CliOptions {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array | undefined;
  /**
   * `stalled`: standard output is a pipe that nobody reads until `read` is called. `tail`: everything is read and only the last
   * of it is kept.
   */
  readonly reader?: 'eager' | 'stalled' | 'tail' | undefined;
}

/** A command at work. */
export interface RunningCli {
  readonly pid: number;
  readonly done: Promise<Ran>;
  kill(signal: NodeJS.Signals): void;
  /** Begins to read standard output, for a `stalled` reader. */
  read(): void;
  /** Resolves with the first line that fits, of those so far or to come. Fails when the command ends without it. */
  line(fits: (line: Line) => boolean): Promise<Line>;
}

const tailLength = 256 * 1024;

/** Starts `bin/componentd` in a process of its own. */
export function startCli({ args, env, input, reader = 'eager' }: CliOptions): RunningCli {
  const started = Date.now();
  const child = spawn(launcher, args, { stdio: ['pipe', 'pipe', 'pipe'], env, detached: true });
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const output = new Output();
  const read = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    read.stderr += text;
  });
  child.stdout.setEncoding('utf8');
  let tail = '';
  const take = (text: string): void => {
    read.stdout += text;
    output.add(text);
  };
  const drink = (): unknown =>
    child.stdout.on('data', (text: string) => {
      if (reader === 'tail') tail = (tail + text).slice(-tailLength);
      else take(text);
    });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const closed = once(child, 'close');
  if (reader !== 'stalled') drink();
  const memory = watchMemory(child);
  const done = (async (): Promise<Ran> => {
    const [code, signal] = await exited;
    const durationMs = Date.now() - started;
    await closed;
    take(tail.slice(tail.indexOf('\n') + 1));
    output.end();
    const exitCode = code ?? 128 + (signal === 'SIGKILL' ? 9 : 15);
    return { code: exitCode, ...read, lines: output.lines, durationMs, peakMemoryBytes: await memory };
  })();
  return {
    pid: child.pid ?? 0,
    done,
    kill: (signal) => void child.kill(signal),
    read: () => void drink(),
    line: (fits) => output.line(fits),
  };
}

class Output {
  readonly lines: Line[] = [];
  #rest = '';
  #ended = false;
  #changed = Promise.withResolvers<void>();

  add(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    // Help texts hold examples that are no JSON.
    for (const part of parts)
      if (/^\{"[a-z]+":/.test(part) && part.endsWith('}')) this.lines.push(JSON.parse(part) as Line);
    this.#tell();
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  async line(fits: (line: Line) => boolean): Promise<Line> {
    for (let seen = 0; ; ) {
      const changed = this.#changed.promise;
      for (; seen < this.lines.length; seen += 1) {
        const line = this.lines[seen];
        if (line !== undefined && fits(line)) return line;
      }
      if (this.#ended)
        throw new Error(`the command ended without such a line:\n${JSON.stringify(this.lines.slice(-5))}`);
      await changed;
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

async function watchMemory(child: ChildProcess): Promise<number> {
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
    await delay(50);
  }
  return peak;
}
