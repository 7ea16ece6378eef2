import { createHash } from 'node:crypto';
import { untilAborted } from '../../base/abort.ts';
import type { RegistrySecret } from '../types.ts';
import type { EcrPassword } from './ecr-api.ts';
import type { EcrQuestion } from './ecr-refusal.ts';

/** A password is not given to a pull that may outlast it. */
const marginMs = 60 * 60_000;

/**
 * Passwords of ECR registries, which AWS gives out for half a day (GetAuthorizationToken): one for each access key and region, kept in
 * memory until an hour before it ends (or for half its life, if that is short), and asked for once however many wait. One tenant's.
 */
export class EcrPasswords {
  readonly #known = new Map<string, { readonly asked: Promise<EcrPassword>; renewAt: number }>();

  /** @throws UserError or InfrastructureError that tells an unknown key, an expired one, a missing right and a wrong region apart */
  async find(question: EcrQuestion, signal: AbortSignal): Promise<RegistrySecret> {
    const { username, password } = await untilAborted(this.#ask(question), signal);
    return {
      kind: 'password',
      username,
      password,
      origin: `the credentials that ECR gave the access key of ${question.origin}`,
    };
  }

  #ask(question: EcrQuestion): Promise<EcrPassword> {
    const now = Date.now();
    for (const [id, { renewAt }] of this.#known) if (now >= renewAt) this.#known.delete(id);
    const id = idOf(question);
    const known = this.#known.get(id);
    if (known !== undefined) return known.asked;
    const entry = { asked: askNow(question), renewAt: Number.POSITIVE_INFINITY };
    this.#known.set(id, entry);
    entry.asked.then(
      ({ renewAt }) => {
        entry.renewAt = renewAt;
      },
      () => this.#known.delete(id),
    );
    return entry.asked;
  }
}

/** Only who asks ECR pays for signing and HTTP. */
async function askNow(question: EcrQuestion): Promise<EcrPassword> {
  const { askForPassword } = await import('./ecr-api.ts');
  return await askForPassword(question, marginMs);
}

function idOf({
  endpoint,
  region,
  origin,
  isOfJob,
  key: { accessKeyId, secretAccessKey, sessionToken = '' },
}: EcrQuestion): string {
  const secret = createHash('sha256')
    .update(JSON.stringify([secretAccessKey, sessionToken]))
    .digest('hex');
  return JSON.stringify([endpoint.href, region, origin, isOfJob, accessKeyId, secret]);
}
