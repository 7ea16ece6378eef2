import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';

/** Declares one verb on the program; its action gets a session made of the global flags. */
export type Verb = (program: Command, session: () => Session) => void;

/** One command line at work. */
export interface Session {
  readonly config: Config;
  /** Aborted by SIGINT or SIGTERM, with the `Stopped` error as its reason. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Ends the command with this code although nothing was thrown: a job that failed has told its story already. */
  exitWith(code: number): void;
}

export function sessionOf(
  options: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  exit: { code: number },
): Session {
  const { address, project, stateDir, runtime, tokenFile, json, quiet } = options as Readonly<
    Record<string, string | boolean | undefined>
  >;
  const color = options.color === false ? 'never' : undefined;
  const flags = { address, project, stateDir, runtime, tokenFile, color } as Readonly<
    Record<string, string | undefined>
  >;
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return {
    config: loadConfig(given),
    signal,
    json: json === true,
    quiet: quiet === true,
    exitWith: (code) => {
      exit.code = code;
    },
  };
}
