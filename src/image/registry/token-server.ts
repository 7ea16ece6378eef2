import { InfrastructureError } from '../../base/errors.ts';
import type { RegistrySecret } from '../types.ts';
import { retryAfter } from './answer.ts';
import type { Challenge } from './challenge.ts';
import { discard, type HttpResponse, readWhole } from './http.ts';
import { realmProblem } from './realm.ts';
import { Transient } from './transient.ts';
import type { TransportRequest } from './transport.ts';

export type TokenRequest = Pick<TransportRequest, 'url' | 'method' | 'headers' | 'body' | 'signal'>;

export interface TokenQuestion {
  /** Origin of the registry's API. */
  readonly registry: URL;
  /** The scope that is asked for, besides the one of the challenge: pulling from it. */
  readonly repository: string;
  readonly challenge: Challenge;
  /** Anonymous without one. */
  readonly secret: RegistrySecret | undefined;
  /** Sends a request to a token server. */
  readonly ask: (request: TokenRequest) => Promise<HttpResponse>;
  readonly signal: AbortSignal;
}

export interface Token {
  readonly header: string;
  /** On the clock of `performance.now()`; shortly before it really ends. */
  readonly expires: number;
}

const maxAnswer = 1024 * 1024;
/** Longer ones are cut off by the servers that get them. */
const maxTokenLength = 32 * 1024;
const defaultLifeSeconds = 60;
const marginMs = 10_000;
const leastLifeMs = 1000;
const clientId = 'componentd';

/**
 * Asks the token server of a Bearer challenge (distribution's token authentication) for a token: with GET anonymously or with name and
 * password, with POST for an identity token (RFC 6749, section 6). `undefined` when the server refuses the secret.
 * @throws Transient, InfrastructureError for a server that must not be asked or answers nothing usable, or the signal's reason
 */
export async function fetchToken(question: TokenQuestion): Promise<Token | undefined> {
  const { secret, signal } = question;
  const url = serverUrl(question);
  const asked = performance.now();
  const response = await question.ask({ ...requestOf(question, url), signal });
  const { status } = response;
  if (status >= 500 || status === 429 || status === 408) {
    discard(response);
    const retryAfterMs = retryAfter(response);
    throw new Transient(
      `the token server ${url.host} answered ${status}`,
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  }
  // A token that is not accepted is an invalid grant, which is a 400 (RFC 6749, section 5.2).
  const isRefused = status === 401 || status === 403 || (status === 400 && secret?.kind === 'identity-token');
  const body =
    status === 200 ? await readWhole(response, { limit: maxAnswer, timeoutMs: 20_000, signal }) : discard(response);
  if (isRefused) return undefined;
  const answer = body && readAnswer(body);
  if (answer === undefined) {
    const takesNone = secret?.kind === 'identity-token' && (status === 404 || status === 405);
    const why = takesNone ? 'takes no identity tokens' : 'gave no usable token';
    throw new InfrastructureError(`the token server ${url.host} ${why} (status ${status})`, { reason: 'no_token' });
  }
  return {
    header: `Bearer ${answer.token}`,
    expires: asked + Math.max(leastLifeMs, answer.lifeSeconds * 1000 - marginMs),
  };
}

function serverUrl({ registry, challenge, secret }: TokenQuestion): URL {
  const realm = challenge.params.get('realm') ?? '';
  if (!URL.canParse(realm))
    throw new InfrastructureError(`the registry ${registry.host} names a token server that is no URL`, {
      reason: 'realm_refused',
    });
  const url = new URL(realm);
  url.username = '';
  url.password = '';
  url.hash = '';
  const problem = realmProblem(registry, url, secret);
  if (problem === undefined) return url;
  const isElsewhere = secret !== undefined && realmProblem(registry, url, undefined) === undefined;
  const hint = 'If it can be trusted, name it as "tokenServer" beside the credentials in images.credentials.';
  throw new InfrastructureError(
    `the registry ${registry.host} names the token server ${url.host}, which is refused: ${problem}`,
    { reason: 'realm_refused', ...(isElsewhere && { hint }) },
  );
}

function requestOf(
  { secret, repository, challenge }: TokenQuestion,
  url: URL,
): Pick<TokenRequest, 'url' | 'method' | 'headers' | 'body'> {
  const service = challenge.params.get('service');
  const wanted = [...(challenge.params.get('scope') ?? '').split(' '), `repository:${repository}:pull`];
  const scopes = [...new Set(wanted)].filter((scope) => scope !== '').sort();
  if (secret?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      ...(service !== undefined && { service }),
      scope: scopes.join(' '),
      client_id: clientId,
      refresh_token: secret.token,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { url, method: 'POST', headers, body: form.toString() };
  }
  const asked = new URL(url);
  if (service !== undefined) asked.searchParams.set('service', service);
  for (const scope of scopes) asked.searchParams.append('scope', scope);
  const authorization = basicHeader(secret);
  return { url: asked, method: 'GET', headers: authorization === undefined ? {} : { authorization } };
}

/** `undefined` for what is no name and password. */
export function basicHeader(secret: RegistrySecret | undefined): string | undefined {
  if (secret?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${secret.username}:${secret.password}`).toString('base64')}`;
}

function readAnswer(body: Buffer): { readonly token: string; readonly lifeSeconds: number } | undefined {
  try {
    const answer = JSON.parse(body.toString()) as {
      token?: unknown;
      access_token?: unknown;
      expires_in?: unknown;
    } | null;
    const token = answer?.access_token || answer?.token;
    if (typeof token !== 'string' || token.length > maxTokenLength || !/^[\x21-\x7e]+$/.test(token)) return undefined;
    const life = answer?.expires_in;
    return { token, lifeSeconds: typeof life === 'number' && life > 0 ? life : defaultLifeSeconds };
  } catch {
    return undefined;
  }
}
