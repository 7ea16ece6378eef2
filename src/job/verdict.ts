import type { Outcome } from './types.ts';

/** Who ended the container, when it was us. */
export type KilledBy = 'timeout' | 'stop' | 'quota';

export interface Ended {
  readonly exitCode: number;
  readonly oomKills: number;
  readonly killedBy: KilledBy | undefined;
  /** As results print it: image and tag without the registry's host. */
  readonly image: string;
  /** The container's readable name. */
  readonly container: string;
  /** The memory limit, for example `256M`. */
  readonly memoryText: string;
  readonly timeoutSeconds: number;
  /** Exit codes above 1 are the user's errors, too. */
  readonly noApplicationErrors: boolean;
  /** What the component printed, already redacted; the first 60 000 characters are enough. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Verdict {
  readonly outcome: Extract<
    Outcome,
    'success' | 'user_error' | 'oom' | 'timeout' | 'quota' | 'app_error' | 'cancelled'
  >;
  /** Absent on success. */
  readonly message?: string;
}

/** What an ended container means (contract 6.1). The first line that fits decides. Never guesses at memory: only a counted kill is out of memory. */
export function verdict(ended: Ended): Verdict {
  const { exitCode, image, killedBy } = ended;
  if (ended.oomKills > 0)
    return { outcome: 'oom', message: `Component ${image} was out of memory; its limit is ${ended.memoryText}` };
  if (killedBy === 'quota')
    return { outcome: 'quota', message: `Component ${image} was ended: it printed more than could be taken away` };
  if (killedBy === 'timeout')
    return {
      outcome: 'timeout',
      message: `Component ${image} ran longer than ${seconds(ended.timeoutSeconds)} and was ended`,
    };
  if (killedBy === 'stop') return { outcome: 'cancelled', message: `Component ${image} was stopped` };
  if (exitCode === 0) return { outcome: 'success' };
  const message = composeMessage(ended);
  if (exitCode === 1) return { outcome: 'user_error', message };
  if (exitCode === 137)
    return {
      outcome: 'user_error',
      message: truncate(`Component ${image} was killed by SIGKILL, and not by us: ${message}`),
    };
  return {
    outcome: ended.noApplicationErrors ? 'user_error' : 'app_error',
    message: truncate(`${image} container '${ended.container}' failed: (${exitCode}) ${message}`),
  };
}

function seconds(count: number): string {
  return count === 1 ? '1 second' : `${count} seconds`;
}

/** What the component has to say about its failure: its stderr, else its stdout, else a fixed text; at most 4 000 characters (contract 6.2). */
export function composeMessage({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  return truncate(stderr.trim() || stdout.trim() || 'The component failed and printed no message.');
}

const longestMessage = 4_000;
const keptAtEachEnd = 1_997;

/** Longer than 4 000 characters: the first and the last 1 997 with ` ... ` between them, 3 999 in all. */
export function truncate(text: string): string {
  if (text.length <= longestMessage) return text;
  const characters = Array.from(text);
  if (characters.length <= longestMessage) return text;
  return `${characters.slice(0, keptAtEachEnd).join('')} ... ${characters.slice(-keptAtEachEnd).join('')}`;
}
