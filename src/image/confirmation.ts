import { type ClassifiedError, classify, InfrastructureError, UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { setImageLabels } from '../containerd/image-labels.ts';
import { type Access, accessLabel, formatAccess, givenAt } from './access.ts';
import { type AskedRegistry, askRegistry } from './asked-registry.ts';
import type { Asking } from './held.ts';
import { checkSignature } from './signatures/check.ts';
import type { SignaturePolicy } from './signatures/policy.ts';

/** What is to be found out before it may be used. */
export interface Due {
  readonly access: Access | undefined;
  /** Whether its registry must say again that it gives the image to whoever asks. */
  readonly isAccessDue: boolean;
  /** Absent when nothing is asked, or the image is known to be signed. */
  readonly signature: SignaturePolicy | undefined;
}

/** Asks the registry for what is due, and writes its answers on the record. See `isAdmitted`. */
export async function settleDue(client: Containerd, asking: Asking, due: Due): Promise<boolean> {
  const { held, wish, at } = asking;
  const { record, target } = held;
  using asked = askRegistry(wish, at);
  const access = due.isAccessDue ? await confirm(asked, asking, due.access) : due.access;
  if (access === undefined) return false;
  const policy = due.signature;
  const signature = policy && (await checkSignature(asked.registry, { name: record.name, policy, emit: at.emit }));
  await setImageLabels(client, record.name, { [accessLabel]: formatAccess(target.digest, access), ...signature });
  return true;
}

/** Who may use the image now that the registry was asked, or as it last said while it is away; `undefined` when it has the image no more. */
async function confirm(asked: AskedRegistry, asking: Asking, before: Access | undefined): Promise<Access | undefined> {
  try {
    await asked.registry.prove(asking.held.target.digest, 'manifests');
    return asked.accessNow(before);
  } catch (thrown) {
    asking.at.signal.throwIfAborted();
    const error = classify(thrown);
    if (error.reason === 'image_not_found') return undefined;
    if (error.reason === 'registry_denied') throw refused(asking, error);
    if (!(error instanceof InfrastructureError)) throw error;
    return duringGrace(asking, before, error);
  }
}

function refused({ held: { record } }: Asking, error: ClassifiedError): UserError {
  const { message, hint } = error;
  const options = { cause: error, reason: 'registry_denied', ...(hint !== undefined && { hint }) };
  return new UserError(`${record.name} is present, but may not be used: ${message}`, options);
}

function duringGrace(
  { held: { record }, wish: { credentials }, at }: Asking,
  before: Access | undefined,
  error: InfrastructureError,
): Access {
  const given = givenAt(before, credentials);
  const until = (given ?? 0) + at.access.freshMs;
  const last =
    given === undefined ? 'has never said so' : `said so on ${time(given)}, which counted until ${time(until)}`;
  const state = `${record.name} is present, but its registry must say that it gives it to whoever asks now: it ${last}`;
  if (before !== undefined && given !== undefined && Date.now() >= given && Date.now() < until + at.access.graceMs) {
    const message = `${state}; it is used until ${time(until + at.access.graceMs)}, because the registry cannot be asked: ${error.message}`;
    at.emit({ type: 'message', level: 'warning', message });
    return before;
  }
  throw new InfrastructureError(`${state}; and it cannot be asked: ${error.message}`, {
    cause: error,
    reason: error.reason ?? 'registry_unavailable',
    hint: 'Try again when the registry answers, or allow more time in the setting images.access.',
  });
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
