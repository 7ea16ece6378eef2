import { classify, InfrastructureError, UserError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import { candidatesOf, type SignatureSource } from './candidates.ts';
import { readVerifiers, type Verify } from './keys.ts';
import { type SignaturePolicy, signatureLabels, warnUnsigned } from './policy.ts';
import type { Candidate } from './types.ts';

export interface SignatureCheck {
  /** The image, for messages. */
  readonly name: string;
  readonly policy: SignaturePolicy;
  readonly emit: Emit;
}

const reasonsTold = 3;

/**
 * Looks for one signature of the image by one of the keys. Answers what the image's record is to remember.
 * @throws UserError when a signature is required and none counts; InfrastructureError when the registry cannot be asked or a key is unusable
 */
export async function checkSignature(
  source: SignatureSource,
  { name, policy, emit }: SignatureCheck,
): Promise<Readonly<Record<string, string>>> {
  const verifiers = readVerifiers(policy.keys);
  const found = await findSigned(source, policy, verifiers).catch((thrown: unknown) => unknown(name, policy, thrown));
  if (found === 'signed') return signatureLabels(policy, true);
  const why = found.slice(0, reasonsTold).join('; ') || 'there is no signature';
  if (policy.mode === 'require') throw unsigned(name, policy, why);
  warnUnsigned(emit, name, policy, why);
  return signatureLabels(policy, false);
}

/** What cannot be found out is told like what is not there, unless that ends everything. */
function unknown(name: string, { mode, digest }: SignaturePolicy, thrown: unknown): readonly string[] {
  const error = classify(thrown);
  if (!(error instanceof InfrastructureError || error instanceof UserError)) throw thrown;
  if (mode === 'warn') return [error.message];
  const message = `whether ${name} (${digest}) is signed cannot be found out: ${error.message}`;
  const { reason, hint } = error;
  const options = { cause: error, ...(reason !== undefined && { reason }), ...(hint !== undefined && { hint }) };
  throw error instanceof UserError ? new UserError(message, options) : new InfrastructureError(message, options);
}

function unsigned(name: string, { digest, keys, repository }: SignaturePolicy, why: string): UserError {
  const by = keys.map(({ path }) => path).join(' or ') || 'a key, of which none is configured';
  const place = repository === undefined ? '' : `, for ${repository}`;
  return new UserError(`${name} (${digest}) must be signed with ${by}${place}, and is not: ${why}`, {
    reason: 'image_unsigned',
    hint: 'Sign it with cosign, or change images.signatures in the configuration of componentd.',
  });
}

/** `signed`, or why each candidate does not count. */
async function findSigned(
  source: SignatureSource,
  policy: SignaturePolicy,
  verifiers: readonly Verify[],
): Promise<'signed' | readonly string[]> {
  const reasons: string[] = [];
  for await (const candidate of candidatesOf(source, policy.digest)) {
    const problem = typeof candidate === 'string' ? candidate : problemOf(candidate, policy, verifiers);
    if (problem === undefined) return 'signed';
    reasons.push(problem);
  }
  return reasons;
}

function problemOf(
  { data, signatures, claim }: Candidate,
  { digest, repository }: SignaturePolicy,
  verifiers: readonly Verify[],
): string | undefined {
  if (!signatures.some((signature) => verifiers.some((isBy) => isBy(data, signature))))
    return 'one is by none of the keys';
  try {
    const said = claim();
    if (!said.digests.includes(digest)) return 'one is of another image';
    if (repository === undefined || said.repository === repository) return undefined;
    return `one is for ${said.repository?.slice(0, 200) ?? 'no repository in particular'}`;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
