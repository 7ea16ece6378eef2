import { UserError } from '../../base/errors.ts';
import type { CredentialSource, RegistrySecret } from '../types.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicHeader, fetchToken, type Token, type TokenQuestion } from './token-server.ts';

export interface AuthorizerOptions extends Pick<TokenQuestion, 'registry' | 'repository' | 'ask'> {
  readonly credentials: CredentialSource | undefined;
}

/**
 * Answers a registry's challenges for one repository: anonymous, Basic, or Bearer (distribution's token authentication).
 * A token is kept until shortly before it expires, and fetched once however many requests wait for it.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  #challenge: Challenge | undefined;
  #finding: Promise<RegistrySecret | undefined> | undefined;
  #secret: RegistrySecret | undefined;
  #token: Token | undefined;
  #pending: Promise<Token> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /**
   * The `Authorization` header to send now; `undefined` before any challenge.
   * @throws UserError when the token server refuses the secret, what {@link fetchToken} throws, or what finding the secret throws
   */
  async header(signal: AbortSignal): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    const fixed = fixedHeader(challenge, await this.#findSecret(signal));
    if (fixed !== undefined) return fixed;
    if (this.#token !== undefined && performance.now() < this.#token.expires) return this.#token.header;
    this.#pending ??= this.#fetchToken(challenge, signal).finally(() => {
      this.#pending = undefined;
    });
    this.#token = await this.#pending;
    return this.#token.header;
  }

  /** Takes in the challenge of a 401. Answers whether asking again makes sense; `sent` is the header that was refused. */
  async challenged(headers: string | undefined, sent: string | undefined, signal: AbortSignal): Promise<boolean> {
    const offered = parseChallenges(headers ?? '');
    const bearer = offered.find(({ scheme, params }) => scheme === 'bearer' && params.has('realm'));
    const challenge = bearer ?? offered.find(({ scheme }) => scheme === 'basic');
    if (challenge === undefined) return false;
    const fixed = fixedHeader(challenge, await this.#findSecret(signal));
    if (fixed === undefined && bearer === undefined) return false;
    if (fixed !== undefined && fixed === sent) return false;
    this.#challenge = challenge;
    if (this.#token?.header === sent) this.#token = undefined;
    return true;
  }

  /** Access to `what` was refused for good: nothing is tried again. */
  denied(what: string): UserError {
    const { registry, credentials } = this.#options;
    const why =
      this.#secret === undefined
        ? 'it needs credentials, or does not exist there'
        : `${this.#secret.origin ?? 'the given credentials'} do not allow it`;
    return new UserError(`the registry ${registry.host} refuses to give out ${what}: ${why}`, {
      reason: 'registry_denied',
      hint: this.#secret === undefined ? adviceWithout(credentials) : adviceWith,
    });
  }

  #findSecret(signal: AbortSignal): Promise<RegistrySecret | undefined> {
    const { credentials, registry, repository } = this.#options;
    this.#finding ??= (async () => {
      this.#secret = await credentials?.find({ host: registry.host, repository, signal });
      return this.#secret;
    })();
    return this.#finding;
  }

  async #fetchToken(challenge: Challenge, signal: AbortSignal): Promise<Token> {
    const secret = await this.#findSecret(signal);
    const token = await fetchToken({ ...this.#options, challenge, secret, signal });
    if (token === undefined) throw this.denied(this.#options.repository);
    return token;
  }
}

/** What needs no token server to answer the challenge. */
function fixedHeader({ scheme }: Challenge, secret: RegistrySecret | undefined): string | undefined {
  if (scheme === 'basic') return basicHeader(secret);
  return secret?.kind === 'registry-token' ? `Bearer ${secret.token}` : undefined;
}

const adviceWith = 'Check the user name and the password, and whether they may read this repository.';

function adviceWithout(credentials: CredentialSource | undefined): string {
  const { otherHost } = credentials ?? {};
  if (otherHost !== undefined)
    return `The credentials that came with the image are for ${otherHost} only: mend repository.server.`;
  return 'Give a user name and a password for this registry: repository.username and repository.#password, or images.credentials.';
}
