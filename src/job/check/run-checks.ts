import { composeMessage, type Verdict, verdict } from '../verdict.ts';
import type { Trial, Unstarted } from './trial.ts';
import type { CheckRequest, CheckResult } from './types.ts';

/** The first run, and how it came about. */
export interface FirstRun {
  readonly request: CheckRequest;
  readonly trial: Trial;
  readonly isConfigGiven: boolean;
}

/** What the runner would report of a trial. */
export function judge({ exit, endedBy, usage, heard }: Trial, request: CheckRequest): Verdict {
  return verdict({
    exitCode: exit.code,
    oomKills: usage.oomKills,
    killedBy: endedBy === 'itself' ? undefined : endedBy,
    image: request.printable,
    container: request.printable,
    memoryText: request.memory.text,
    timeoutSeconds: request.timeoutSeconds,
    noApplicationErrors: false,
    stdout: heard.stdout.text,
    stderr: heard.stderr.text,
  });
}

/** The exit code, and what would be made of it. */
export function checkRun({ request, trial, isConfigGiven }: FirstRun): CheckResult {
  const { outcome, message = '' } = judge(trial, request);
  const { code } = trial.exit;
  const seconds = `${(trial.durationMs / 1000).toFixed(1)} s`;
  const config = isConfigGiven ? 'your configuration' : 'a minimal configuration';
  const told = (status: CheckResult['status'], saw: string, hint?: string): CheckResult => ({
    check: 'run',
    status,
    saw,
    ...(hint !== undefined && { hint }),
  });
  switch (outcome) {
    case 'success':
      return told('ok', `0, success, after ${seconds} with ${config}`);
    case 'oom':
      return told('failed', message, 'Use less memory, or give it more: --memory here, "memory" in the definition.');
    case 'timeout':
      return told(
        'failed',
        `none: it ran longer than ${request.timeoutSeconds} s and was ended`,
        'Give it more time: --timeout.',
      );
    case 'quota':
      return told('failed', message, 'Print less.');
    case 'user_error': {
      const saw = `${code} after ${seconds} with ${config}: a user error, "${excerpt(message)}"`;
      if (code !== 1 || isConfigGiven) {
        return told(
          'warning',
          saw,
          'What it writes was checked as far as it came; check again with a --config and --data that it can work on.',
        );
      }
      return told('ok', saw);
    }
    default: {
      const saw = `${code} after ${seconds} with ${config}: an error of the component, "${excerpt(said(trial))}"`;
      const isShell = code === 126 || code === 127;
      if (isShell)
        return told('failed', saw, 'Something that it calls is missing or cannot be executed: look at its scripts.');
      if (isConfigGiven)
        return told(
          'failed',
          saw,
          'Exit with 1 and a message when the user can mend it; mend the component otherwise.',
        );
      return told('warning', saw, 'Give it a configuration that it can work on: --config.');
    }
  }
}

/** A failure that only the image's own user does not have. */
export function checkRights({ request, trial }: FirstRun, other: Trial | Unstarted | undefined): CheckResult {
  const { user } = request.image.config;
  if (trial.exit.code === 0) return { check: 'rights', status: 'ok', saw: '1000:1000 is enough' };
  if (other === undefined || !other.isStarted) {
    return {
      check: 'rights',
      status: 'skipped',
      saw: "there is no other user to compare with: the image's own is no better",
    };
  }
  const self = user === '' ? 'root' : `the image's user ${user}`;
  const [mine, its] = [trial.exit.code, other.exit.code];
  if (other.endedBy === 'itself' && its === 0) {
    return {
      check: 'rights',
      status: 'failed',
      saw: `as 1000:1000 it exits with ${mine}, as ${self} with 0: "${excerpt(said(trial))}"`,
      hint: 'Give user 1000 what it needs in the image (chmod, or files below /tmp), or ask for the feature container-root-user.',
    };
  }
  return { check: 'rights', status: 'ok', saw: `as ${self} it exits with ${its}, too` };
}

/** What users would read of a failure. */
export function checkMessage({ trial }: FirstRun): CheckResult {
  const { stdout, stderr } = trial.heard;
  if (trial.endedBy !== 'itself') return { check: 'message', status: 'skipped', saw: 'it did not end by itself' };
  if (trial.exit.code === 0) return { check: 'message', status: 'skipped', saw: 'it did not fail' };
  if (trial.usage.oomKills > 0)
    return { check: 'message', status: 'skipped', saw: 'the lack of memory is the message' };
  const hint = 'Print what is wrong, in words for users, as the only thing on standard error.';
  if ((stderr.text.trim() || stdout.text.trim()) === '')
    return { check: 'message', status: 'warning', saw: 'it failed and printed nothing', hint };
  const length = (stderr.text.trim() || stdout.text.trim()).length;
  const source = stderr.text.trim() === '' ? 'standard output' : 'standard error';
  if (length > 4_000)
    return {
      check: 'message',
      status: 'warning',
      saw: `${length} characters on ${source}; the middle is cut out`,
      hint,
    };
  return { check: 'message', status: 'ok', saw: `${length} characters from ${source}` };
}

/** Standard output and standard error as they are. */
export function checkOutput({ trial }: FirstRun): CheckResult {
  const streams = Object.entries(trial.heard);
  const foreign = streams.filter(([, { isUtf8 }]) => !isUtf8).map(([stream]) => stream);
  if (foreign.length > 0) {
    const saw = `${foreign.join(' and ')} is not UTF-8; what is not is left out`;
    return {
      check: 'output',
      status: 'warning',
      saw,
      hint: 'Write UTF-8: often LC_ALL=C.UTF-8 in the image is enough.',
    };
  }
  const long = streams.filter(([, { hasLongLine }]) => hasLongLine).map(([stream]) => stream);
  if (long.length > 0) {
    const saw = `${long.join(' and ')} has a line of more than 64 KiB, which is told in pieces`;
    return { check: 'output', status: 'warning', saw, hint: 'Write shorter lines, and data to /data/out.' };
  }
  const saw = streams.map(([stream, { bytes }]) => `${bytes} bytes of ${stream}`).join(', ');
  return { check: 'output', status: 'ok', saw };
}

/** `#` values of the configuration among what was printed. */
export function checkSecrets({ trial }: FirstRun, secrets: readonly string[]): CheckResult {
  if (secrets.length === 0) {
    return { check: 'secrets', status: 'skipped', saw: 'the configuration has no `#` value' };
  }
  const shown = Object.entries(trial.heard).filter(([, { showsSecret }]) => showsSecret);
  if (shown.length === 0) return { check: 'secrets', status: 'ok', saw: 'not printed' };
  return {
    check: 'secrets',
    status: 'warning',
    saw: `a \`#\` value of the configuration is printed to ${shown.map(([stream]) => stream).join(' and ')}`,
    hint: 'Leave values under `#` keys out of logs and messages; do not print the configuration as a whole.',
  };
}

/** What it wrote beside /data and /tmp. */
export function checkRoot({ trial: { wrote } }: FirstRun): CheckResult {
  if (wrote.length === 0) return { check: 'root', status: 'ok', saw: 'nothing written outside of /data and /tmp' };
  return {
    check: 'root',
    status: 'warning',
    saw: `written outside of /data and /tmp, and gone after the run: ${some(wrote)}`,
    hint: 'Write scratch files to /tmp, and make at build time what does not change.',
  };
}

export function checkInputs({ trial: { changed } }: FirstRun): CheckResult {
  if (changed.length === 0) return { check: 'inputs', status: 'ok', saw: 'left as they were' };
  const hint = 'Read from /data/in, write to /data/out, and keep scratch files in /tmp.';
  return { check: 'inputs', status: 'warning', saw: some(changed), hint };
}

export function checkProcesses({ trial }: FirstRun): CheckResult {
  const { detached } = trial.look;
  if (trial.endedBy !== 'itself') return { check: 'processes', status: 'skipped', saw: 'it did not end by itself' };
  if (detached.length === 0) return { check: 'processes', status: 'ok', saw: 'none seen in the background at the end' };
  return {
    check: 'processes',
    status: 'warning',
    saw: `still running in the background at the end, and killed: ${some([...new Set(detached)])}`,
    hint: 'Stay in the foreground, and wait for every process that you start.',
  };
}

/** At most five of a list, and how many more there are. */
export function some(list: readonly string[]): string {
  const more = list.length - 5;
  const said = list.slice(0, 5).map((text) => text.replace(/\.$/, ''));
  return `${said.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function said({ heard }: Trial): string {
  return composeMessage({ stdout: heard.stdout.text, stderr: heard.stderr.text });
}

const excerptLength = 160;

/** The end of a text on one line: what matters in a stack trace stands there. */
export function excerpt(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length <= excerptLength ? line : `… ${line.slice(-excerptLength)}`;
}
