import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { isNotFound } from '../containerd/errors.ts';
import { setImageLabels } from '../containerd/image-labels.ts';
import { type Access, accessLabel, formatAccess, givenAt, readAccess } from './access.ts';
import type { Due } from './confirmation.ts';
import type { Asking, Held } from './held.ts';
import type { SignaturePolicy } from './signatures/policy.ts';

/**
 * Whether an image that is here may be used: it is public, the tenant's own, or its registry has said lately that it gives it to whoever
 * asks now; and it is signed as the operator wants. What the record remembers costs nothing, for the rest the registry is asked.
 * False when the registry has the image no more: then it counts as absent.
 * @throws UserError when the registry refuses or the signature is missing; InfrastructureError when it cannot be asked
 */
export async function isAdmitted(client: Containerd, asking: Asking): Promise<boolean> {
  const due = await findDue(client, asking);
  if (!due.isAccessDue && due.signature === undefined) return true;
  if (asking.wish.policy === 'never') throw mayNotAsk(asking, due);
  const { settleDue } = await import('./confirmation.ts');
  return settleDue(client, asking, due);
}

async function findDue(client: Containerd, asking: Asking): Promise<Due> {
  const { held, wish, at } = asking;
  const access = readAccess(held.record) ?? (await accessByOrigin(client, held));
  const age = Date.now() - (givenAt(access, wish.credentials) ?? Number.NEGATIVE_INFINITY);
  const isFree = access?.kind === 'own' || access?.kind === 'public';
  const isFresh = age >= 0 && age < at.access.freshMs;
  return { access, isAccessDue: !isFree && !isFresh, signature: await signatureDue(asking) };
}

/** A record that does not say who may use it: what no registry has given is the tenant's own. */
async function accessByOrigin(client: Containerd, { record, target }: Held): Promise<Access | undefined> {
  try {
    const { info } = await client.call('Content.Info', { digest: target.digest });
    const labels = Object.keys(info?.labels ?? {});
    if (labels.some((key) => key.startsWith('containerd.io/distribution.source.'))) return undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  const access = { kind: 'own' } as const;
  await setImageLabels(client, record.name, { [accessLabel]: formatAccess(target.digest, access) });
  return access;
}

async function signatureDue({ held, wish, at }: Asking): Promise<SignaturePolicy | undefined> {
  const { record, target } = held;
  const { reference } = wish;
  if (at.signatures === undefined) return undefined;
  const { signaturePolicyOf, rememberedSignature, warnUnsigned } = await import('./signatures/policy.ts');
  const policy = await signaturePolicyOf(reference, target.digest, at.signatures);
  const remembered = policy && rememberedSignature(record, policy);
  if (policy === undefined || remembered === 'signed') return undefined;
  const mayAsk = wish.policy !== 'never' && remembered === undefined;
  if (policy.mode === 'require' || mayAsk) return policy;
  warnUnsigned(at.emit, reference.name, policy);
  return undefined;
}

function mayNotAsk({ held: { record } }: Asking, { isAccessDue }: Due): UserError {
  const unknown = isAccessDue ? 'whether its registry still gives it to whoever asks' : 'whether it is signed';
  return new UserError(
    `${record.name} is present, but ${unknown} is not known, and asking the registry is not allowed`,
    {
      reason: isAccessDue ? 'access_unproven' : 'image_unsigned',
      hint: 'Let it be pulled once.',
    },
  );
}
