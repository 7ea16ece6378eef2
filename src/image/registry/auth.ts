import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { CredentialSource, RegistrySecret } from '../types.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { discard, type HttpResponse, readWhole } from './http.ts';
import { realmProblem } from './realm.ts';
import { Transient } from './transient.ts';
import type { TransportRequest } from './transport.ts';

export interface AuthorizerOptions {
  /** Origin of the registry's API. */
  readonly registry: URL;
  /** Repository that will be pulled from: the scope that tokens are asked for. */
  readonly repository: string;
  readonly credentials: CredentialSource | undefined;
  /** Sends a request to a token server. */
  readonly ask: (request: TokenRequest) => Promise<HttpResponse>;
}

export type TokenRequest = Pick<TransportRequest, 'url' | 'method' | 'headers' | 'body' | 'signal'>;

interface Token {
  readonly header: string;
  /** On the clock of `performance.now()`. */
  readonly expires: number;
}

const maxTokenAnswer = 1024 * 1024;
const defaultLifeSeconds = 60;
const marginMs = 10_000;

/**
 * Answers a registry's challenges for one repository: anonymous, Basic, or Bearer (distribution's token authentication).
 * A token is kept until shortly before it expires, and fetched once however many requests wait for it.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  #challenge: Challenge | undefined;
  #secret: Promise<RegistrySecret | undefined> | undefined;
  #withCredentials = false;
  #token: Token | undefined;
  #pending: Promise<Token> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Whether a secret was found for the registry; false before any challenge. */
  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  /** The `Authorization` header to send now; `undefined` before any challenge. */
  async header(signal: AbortSignal): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === 'basic') return basicHeader(await this.#findSecret(signal));
    if (this.#token !== undefined && performance.now() < this.#token.expires) return this.#token.header;
    const challenge = this.#challenge;
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
    const basic = offered.find(({ scheme }) => scheme === 'basic');
    if (bearer !== undefined) {
      this.#challenge = bearer;
      if (this.#token?.header === sent) this.#token = undefined;
      return true;
    }
    const header = basic && basicHeader(await this.#findSecret(signal));
    if (header === undefined || sent === header) return false;
    this.#challenge = basic;
    return true;
  }

  #findSecret(signal: AbortSignal): Promise<RegistrySecret | undefined> {
    const { credentials, registry, repository } = this.#options;
    this.#secret ??= (async () => {
      const secret = await credentials?.find({ host: registry.host, repository, signal });
      this.#withCredentials = secret !== undefined;
      return secret;
    })();
    return this.#secret;
  }

  async #fetchToken(challenge: Challenge, signal: AbortSignal): Promise<Token> {
    const basic = basicHeader(await this.#findSecret(signal));
    const url = this.#tokenUrl(challenge, basic !== undefined);
    const asked = performance.now();
    const response = await this.#options.ask({
      url,
      method: 'GET',
      headers: basic === undefined ? {} : { authorization: basic },
      signal,
    });
    if (response.status === 401 || response.status === 403) {
      discard(response);
      throw deniedError(this.#options.registry.host, this.#options.repository, basic !== undefined);
    }
    if (response.status >= 500 || response.status === 429) {
      discard(response);
      throw new Transient(`the token server ${url.host} answered ${response.status}`);
    }
    const body =
      response.status === 200
        ? await readWhole(response, { limit: maxTokenAnswer, timeoutMs: 20_000, signal })
        : discard(response);
    const answer = body && readAnswer(body);
    if (answer === undefined) {
      throw new InfrastructureError(`the token server ${url.host} gave no usable token (status ${response.status})`);
    }
    return { header: `Bearer ${answer.token}`, expires: asked + Math.max(1000, answer.lifeSeconds * 1000 - marginMs) };
  }

  #tokenUrl(challenge: Challenge, withCredentials: boolean): URL {
    const { registry, repository } = this.#options;
    const realm = challenge.params.get('realm') ?? '';
    if (!URL.canParse(realm))
      throw new InfrastructureError(`the registry ${registry.host} names a token server that is no URL`);
    const url = new URL(realm);
    url.username = '';
    url.password = '';
    const problem = realmProblem(registry, url, withCredentials);
    if (problem !== undefined) {
      throw new InfrastructureError(
        `the registry ${registry.host} names the token server ${url.host}, which is refused: ${problem}`,
        {
          reason: 'realm_refused',
        },
      );
    }
    const service = challenge.params.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    const scopes = new Set([...(challenge.params.get('scope') ?? '').split(' '), `repository:${repository}:pull`]);
    for (const scope of [...scopes].filter((text) => text !== '').sort()) url.searchParams.append('scope', scope);
    return url;
  }
}

function basicHeader(secret: RegistrySecret | undefined): string | undefined {
  if (secret?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${secret.username}:${secret.password}`).toString('base64')}`;
}

/** Access was refused for good: nothing is tried again. */
export function deniedError(host: string, repository: string, withCredentials: boolean): UserError {
  const why = withCredentials
    ? 'the given credentials do not allow it'
    : 'it needs credentials, or does not exist there';
  return new UserError(`the registry ${host} refuses to give out ${repository}: ${why}`, {
    reason: 'registry_denied',
    hint: 'Give a user name and a password for this registry: repository.username and repository.#password.',
  });
}

function readAnswer(body: Buffer): { readonly token: string; readonly lifeSeconds: number } | undefined {
  try {
    const answer = JSON.parse(body.toString()) as {
      token?: unknown;
      access_token?: unknown;
      expires_in?: unknown;
    } | null;
    const token = answer?.access_token ?? answer?.token;
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
    const life = answer?.expires_in;
    return { token, lifeSeconds: typeof life === 'number' && life > 0 ? life : defaultLifeSeconds };
  } catch {
    return undefined;
  }
}
