import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { untilAborted } from '../../src/base/abort.ts';
import { Stopped } from '../../src/base/errors.ts';

export interface CliOptions {
  readonly root: string;
  /** Holds the project and the state directory. */
  readonly folder: string;
  readonly address: string;
  readonly signal: AbortSignal;
}

/** A command that did not end with 0: `code` is what it ended with. */
export class CommandFailed extends Error {
  readonly code: number;

  constructor(args: readonly string[], code: number, output = '') {
    super(`componentd ${args.join(' ')} ended with ${code}\n${output}`.trimEnd());
    this.code = code;
  }
}

/** `bin/componentd` on one project: what a user would type. A command that fails is an error that says which. */
export class Cli {
  readonly #options: CliOptions;

  constructor(options: CliOptions) {
    this.#options = options;
  }

  /** Runs a command with its output as it is: a live view on a terminal. */
  async shown(...args: readonly string[]): Promise<void> {
    const { code } = await this.#run(args, 'inherit');
    if (code !== 0) throw new CommandFailed(args, code);
  }

  /** Runs a command and returns its standard output; its messages are only shown when it fails. */
  async quiet(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#run(args, 'pipe');
    if (code !== 0) throw new CommandFailed(args, code, stdout + stderr);
    return stdout;
  }

  /** True when the command succeeds. */
  async succeeds(...args: readonly string[]): Promise<boolean> {
    return (await this.#run(args, 'pipe')).code === 0;
  }

  /** The ids of all tables of the project. */
  async tables(): Promise<readonly string[]> {
    const found = JSON.parse(await this.quiet('--json', 'storage', 'ls')) as { tables: readonly { id: string }[] };
    return found.tables.map(({ id }) => id);
  }

  /** What is stored under the configuration: its state is what the component wrote last. */
  async configuration(
    component: string,
    config: string,
  ): Promise<{ readonly state: { readonly component?: unknown } }> {
    return JSON.parse(await this.quiet('--json', 'config', 'show', component, config));
  }

  /**
   * In a session of its own: Ctrl-C reaches only this process, which hands it on once, and takes down nothing that the command
   * still needs for its clean-up. The death of this process is a SIGTERM for the command.
   */
  async #run(
    args: readonly string[],
    output: 'inherit' | 'pipe',
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const { root, folder, address, signal } = this.#options;
    signal.throwIfAborted();
    const places = ['--address', address, '--project', `${folder}/project`, '--state-dir', `${folder}/state`];
    const command = ['--pdeathsig', 'TERM', `${root}/bin/componentd`, ...places, ...args];
    const child = spawn('setpriv', command, { detached: true, stdio: ['ignore', output, output] });
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const closed = once(child, 'close');
    const texts = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        texts[stream] += text;
      });
    }
    try {
      await untilAborted(closed, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      child.kill(signal.reason instanceof Stopped ? signal.reason.signal : 'SIGTERM');
      await exited;
      throw error;
    }
    const [code, killed] = await exited;
    return { code: code ?? (killed === null ? 1 : 128), ...texts };
  }
}
