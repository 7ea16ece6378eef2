import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';

/** A process that runs on its own: recognised later by its id and start time together, as ids are used again. */
export interface ProcessMark {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot (proc(5)). */
  readonly started: string;
}

/** Starts a service in a session of its own, so that Ctrl-C in the terminal is not its end; its output goes to the end of `log`. */
export function startService(command: string, args: readonly string[], log: string, env = process.env): ChildProcess {
  const output = openSync(log, 'a', 0o600);
  return spawn(command, args, { detached: true, stdio: ['ignore', output, output], env });
}

/** What marks the process, or `undefined` when there is none with this id. */
export function markOf(pid: number): ProcessMark | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const started = fields[19];
    return fields[0] === 'Z' || started === undefined ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

export function isAlive(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.started === mark.started;
}

/** Ends the process: SIGTERM, ten seconds, SIGKILL. Resolves when it is gone. */
export async function endProcess(mark: ProcessMark): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isAlive(mark)) return;
    process.kill(mark.pid, signal);
    await until(() => !isAlive(mark), 10_000);
  }
}

/** Asks every 20 ms, for things that send no word when they are ready. False when `ms` have passed. */
export async function until(holds: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) return false;
    await new Promise((next) => setTimeout(next, 20));
  }
  return true;
}
