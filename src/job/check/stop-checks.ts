import { excerpt, type FirstRun, judge } from './run-checks.ts';
import type { Trial, Unstarted } from './trial.ts';
import type { CheckResult } from './types.ts';

const stopHint =
  'Handle SIGTERM and exit; where a script starts the program, start it with `exec`, so that the signal reaches it.';

/** How it takes SIGTERM. Nothing of the contract forbids to ignore it; it costs the time of grace at every stop. */
export function checkStop(trial: Trial | Unstarted, graceMs: number): CheckResult {
  const told = (status: CheckResult['status'], saw: string, hint?: string): CheckResult => ({
    check: 'stop',
    status,
    saw,
    ...(hint !== undefined && { hint }),
  });
  if (!trial.isStarted) return told('skipped', 'it could not be started once more');
  if (trial.endedBy !== 'stop') return told('skipped', 'it had ended by itself before it could be stopped');
  const { onSigterm } = trial.look;
  const seconds = (trial.stopMs / 1000).toFixed(1);
  const isKilled = trial.exit.code === 137;
  if (onSigterm === 'handled' && !isKilled)
    return told('ok', `it ended ${seconds} s after SIGTERM, with exit code ${trial.exit.code}`);
  if (onSigterm === 'handled')
    return told('warning', `it handles SIGTERM and had not ended ${graceMs / 1000} s later: it was killed`, stopHint);
  if (onSigterm === 'ignored') return told('warning', 'it ignores SIGTERM: only SIGKILL ends it', stopHint);
  const saw = 'it has no handler for SIGTERM, and as process 1 it ignores it then: only SIGKILL ends it';
  return told('warning', saw, stopHint);
}

/** What it makes of a configuration without its parameters. */
export function checkMistake(trial: Trial | Unstarted, { request, isConfigGiven }: FirstRun): CheckResult {
  if (!trial.isStarted) return { check: 'mistake', status: 'skipped', saw: 'it could not be started once more' };
  const { outcome, message = '' } = judge(trial, request);
  const { code } = trial.exit;
  if (outcome === 'success') return { check: 'mistake', status: 'ok', saw: 'it gets on without any parameters' };
  if (outcome === 'user_error' && code === 1) {
    return { check: 'mistake', status: 'ok', saw: `without its parameters it exits with 1: "${excerpt(message)}"` };
  }
  if (!isConfigGiven) return { check: 'mistake', status: 'skipped', saw: 'told with the exit code' };
  const end = outcome === 'timeout' ? 'does not end' : `exits with ${code}`;
  const hint = 'Look at the parameters first; exit with 1 and say which one is missing or wrong.';
  return { check: 'mistake', status: 'warning', saw: `without its parameters it ${end}`, hint };
}
