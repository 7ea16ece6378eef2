import { InfrastructureError, UserError } from '../../base/errors.ts';
import { Transient } from './transient.ts';

/** Failures of which a host can be at fault: another host may do better. Everything else ends the attempt. */
export type HostFailure = Transient | UserError | InfrastructureError;

export function isHostFailure(error: unknown): error is HostFailure {
  return error instanceof Transient || error instanceof UserError || error instanceof InfrastructureError;
}

/** How far a host was got: 0 no answer, 1 an answer that it has none, 2 any other. */
function stageOf(failure: HostFailure): number {
  if (failure instanceof Transient) return failure.answered ? 2 : 0;
  if (failure.reason === 'image_not_found') return 1;
  return unreached.has(failure.reason) ? 0 : 2;
}

const unreached = new Set<string | undefined>([
  'host_unknown',
  'certificate_refused',
  'certificate_wanted',
  'not_http',
  'not_tls',
]);

/** Whether it says only that the host does not have what was asked for. */
export function isAbsence(failure: HostFailure): boolean {
  return stageOf(failure) === 1;
}

/**
 * One error for the failures of all hosts, in the order in which they were tried: the first that got furthest, with the others named. It is
 * worth another try when one of those that got as far may do better then.
 */
export function oneFailure(failures: readonly HostFailure[]): HostFailure {
  const furthest = Math.max(...failures.map(stageOf));
  const told = failures.filter((failure) => stageOf(failure) === furthest);
  const first = told.find((failure) => failure instanceof Transient) ?? told[0];
  if (first === undefined) return new InfrastructureError('no host was tried');
  const others = failures.filter((failure) => failure !== first);
  if (others.length === 0) return first;
  const message = `${first.message} (tried as well: ${others.map((failure) => failure.message).join('; ')})`;
  const hint = first.hint ?? others.find((failure) => failure.hint !== undefined)?.hint;
  if (first instanceof Transient) {
    const { retryAfterMs, answered } = first;
    return new Transient(message, { cause: first, retryAfterMs, answered, hint });
  }
  const { reason, problems, data } = first;
  const options = {
    cause: first,
    problems,
    data,
    ...(reason !== undefined && { reason }),
    ...(hint !== undefined && { hint }),
  };
  return first instanceof UserError ? new UserError(message, options) : new InfrastructureError(message, options);
}
