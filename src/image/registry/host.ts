import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { HostSettings } from '../hosts/types.ts';
import type { Reference } from '../reference.ts';
import type { CredentialSource } from '../types.ts';
import { withAdvice } from './advice.ts';
import { retryAfter } from './answer.ts';
import { Authorizer } from './auth.ts';
import { discard, type HttpResponse, readWhole } from './http.ts';
import { Transient } from './transient.ts';
import { Transport } from './transport.ts';

/** A request to the registry API. */
export interface Ask {
  readonly method: 'GET' | 'HEAD';
  /** Below the repository: `manifests/latest`. */
  readonly path: string;
  readonly accept: string;
  readonly range?: string;
  /** That a host does not have it says nothing about what else it has. */
  readonly isOptional?: boolean;
}

export interface HostOptions {
  readonly settings: HostSettings;
  readonly reference: Reference;
  readonly credentials: CredentialSource | undefined;
  readonly signal: AbortSignal;
}

/** No single answer may take longer. */
export const answerTimeoutMs = 20_000;

/**
 * One host that serves a repository: its connections, and what it was convinced with. A mirror is told whose images are meant (`ns`), and
 * is given the credentials of its own name.
 */
export class Host implements Disposable {
  readonly settings: HostSettings;
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  /** When whoever waits longest for a token gives up, on the clock of `performance.now()`. */
  #tokenEnd = 0;

  constructor({ settings, reference, credentials, signal }: HostOptions) {
    this.settings = settings;
    this.#reference = reference;
    this.#signal = signal;
    this.#transport = new Transport(settings);
    this.#authorizer = new Authorizer({
      registry: settings.origin,
      repository: reference.path,
      credentials,
      ask: (request) => this.#transport.request({ ...request, timeoutMs: timeLeft(this.#tokenEnd) }),
    });
  }

  /** `host:port`, without the port that the scheme implies. */
  get name(): string {
    return this.settings.origin.host;
  }

  /**
   * Answers with 2xx, or with 400 or 405 for a HEAD that should be a GET; authenticates on the way.
   * @throws Transient for what may pass; UserError when the host has none or gives none; InfrastructureError; the signal's reason
   */
  async ask(ask: Ask, timeoutMs: number): Promise<HttpResponse> {
    try {
      const end = performance.now() + timeoutMs;
      this.#tokenEnd = Math.max(this.#tokenEnd, end);
      return await this.#checked(ask, await this.#authorized(ask, end));
    } catch (error) {
      throw withAdvice(error, this.settings);
    }
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #authorized(ask: Ask, end: number): Promise<HttpResponse> {
    let refused = 0;
    for (;;) {
      const authorization = await this.#authorizer.header(this.#signal);
      const response = await this.#transport.request({
        method: ask.method,
        url: this.#url(ask),
        headers: {
          accept: ask.accept,
          ...(ask.range && { range: ask.range }),
          ...(authorization && { authorization }),
        },
        signal: this.#signal,
        timeoutMs: timeLeft(end),
      });
      if (response.status !== 401) return response;
      discard(response);
      // Where the registry redirected to must not say how to convince the registry.
      if (response.url.origin !== this.settings.origin.origin) throw this.#denied();
      const challenge = response.headers['www-authenticate'];
      if (authorization !== undefined) refused += 1;
      // A token may have expired on the way; the next one is the last try.
      const again = refused < 2 && (await this.#authorizer.challenged(challenge, authorization, this.#signal));
      if (!again) throw this.#denied();
    }
  }

  #url({ path }: Ask): URL {
    const { origin, root } = this.settings;
    const { domain, path: repository } = this.#reference;
    const url = new URL(`${root}/${repository}/${path}`, origin);
    const isItself = origin.host === new URL(`${origin.protocol}//${domain}`).host;
    const isDockerHub = domain === 'docker.io' && origin.host === 'registry-1.docker.io';
    if (!isItself && !isDockerHub) url.searchParams.set('ns', domain);
    return url;
  }

  async #checked(ask: Ask, response: HttpResponse): Promise<HttpResponse> {
    const { status } = response;
    if (status >= 200 && status < 300) return response;
    if (ask.method === 'HEAD' && (status === 405 || status === 400)) return response;
    if (status === 400 && (await this.#speaksTls(response))) {
      throw new InfrastructureError(`what listens at ${this.name} speaks TLS`, { reason: 'not_http' });
    }
    discard(response);
    if (status === 404) throw this.#unknown(ask);
    if (status === 403) throw this.#denied();
    if (status === 408 || status === 429 || status >= 500) {
      const retryAfterMs = retryAfter(response);
      throw new Transient(`${this.name} answered ${status}`, {
        answered: true,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
    throw new InfrastructureError(`the registry ${this.name} answered ${status} for ${this.#reference.name}`);
  }

  /** Servers that get plain http where they speak TLS say so in an answer that is still plain. */
  async #speaksTls(response: HttpResponse): Promise<boolean> {
    if (response.url.protocol !== 'http:') return false;
    const body = await readWhole(response, { limit: 4096, timeoutMs: answerTimeoutMs, signal: this.#signal });
    return body?.includes('HTTPS') ?? false;
  }

  #unknown(ask: Ask): UserError {
    const what = ask.path.startsWith('blobs/') ? `${ask.path.slice('blobs/'.length)} of ` : '';
    return new UserError(`unknown image: the registry ${this.name} has no ${what}${this.#reference.name}`, {
      reason: 'image_not_found',
      hint: 'Check the repository and the tag.',
    });
  }

  #denied(): UserError {
    return this.#authorizer.denied(this.#reference.name);
  }
}

function timeLeft(end: number): number {
  return Math.min(answerTimeoutMs, end - performance.now());
}
