import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const launcher = join(import.meta.dirname, '../../bin/componentd');

export interface Shown {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line on a terminal of this size: script(1) makes it, which every Debian has. Both streams come as one, lines end in CR LF. */
export async function inTerminal(
  args: readonly string[],
  {
    env,
    columns = 80,
    rows = 24,
  }: { readonly env: NodeJS.ProcessEnv; readonly columns?: number; readonly rows?: number },
): Promise<Shown> {
  const command = [launcher, ...args].map(quoted).join(' ');
  const inside = `stty cols ${columns} rows ${rows} -echo; exec ${command}`;
  return await ended('script', ['--quiet', '--return', '--flush', '--command', inside, '/dev/null'], {
    TERM: 'xterm-256color',
    SHELL: '/bin/sh',
    ...env,
  });
}

/** A command line in a shell's sentence, in which `"$@"` stands for it. */
export async function inShell(sentence: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Shown> {
  return await ended('bash', ['-c', `set -o pipefail; ${sentence}`, 'bash', launcher, ...args], env);
}

async function ended(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Shown> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: signal === null ? (code as number) : 128, stdout, stderr };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** What is left of a terminal's output when colours, cursor movements and erasures are taken away: there may be no other control. */
export function withoutCursor(output: string): string {
  return output.replace(/\x1b\[[0-9;]*[mABCDGJKH]/g, '').replaceAll('\r', '');
}
