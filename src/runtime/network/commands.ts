import { type ExecFileException, execFile } from 'node:child_process';
import { InfrastructureError } from '../../base/errors.ts';
import { markOfThisProcess } from './stragglers.ts';

const limitMs = 30_000;
const maxOutputBytes = 16 * 1024 * 1024;
/** Where programs are looked for: the daemon may have been started with a shorter one. */
export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  /** `undefined` when it was ended by a signal. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the node to its end, whatever its exit code. @throws InfrastructureError when it cannot be started or takes too long. */
export async function execute(
  program: string,
  args: readonly string[],
  { input = '', env = {} }: CommandOptions = {},
): Promise<CommandResult> {
  const mark = await markOfThisProcess();
  return await new Promise((resolve, reject) => {
    const options = {
      env: { PATH: searchPath, LC_ALL: 'C', ...mark, ...env },
      maxBuffer: maxOutputBytes,
      timeout: limitMs,
      killSignal: 'SIGKILL',
    } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code: unknown = error === null ? 0 : error.code;
      if (typeof code === 'string' || error?.killed === true) return reject(unusable(program, error));
      resolve({ code: typeof code === 'number' ? code : undefined, stdout, stderr });
    });
    // A program that does not read its input says by its exit code how it went.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Its standard output. @throws InfrastructureError with what it said when it fails. */
export async function succeed(program: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await execute(program, args, options);
  if (code === 0) return stdout;
  throw new InfrastructureError(`${program} ${args.join(' ')} failed: ${lastWords(stderr)}`, {
    hint: 'Is this root, with the rights to change the network of the machine?',
  });
}

function unusable(program: string, error: ExecFileException | null): InfrastructureError {
  if (error?.code === 'ENOENT') return notInstalled(program, error);
  const why = error?.killed === true ? `did not end within ${limitMs / 1000} s` : `cannot be run: ${error?.message}`;
  return new InfrastructureError(`${program} ${why}`, { hint: 'Look at the load and the log of the machine.' });
}

export function notInstalled(program: string, cause?: unknown): InfrastructureError {
  return new InfrastructureError(`${program} is not installed, and networks need it`, {
    reason: 'no_plugins',
    hint: 'Install the packages iptables, iproute2 and util-linux.',
    cause,
  });
}

function lastWords(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(-500) || 'it did not say why';
}
