import { createHash } from 'node:crypto';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { invalid } from '../document.ts';
import { maxManifestBytes } from '../manifest.ts';
import { apiHost, isDigest, isLoopbackHost, type Reference } from '../reference.ts';
import type { CredentialSource } from '../types.ts';
import { mediaTypeOf, rangeStart, retryAfter, skip } from './answer.ts';
import { Authorizer, deniedError } from './auth.ts';
import { discard, type HttpResponse, readBody, readWhole } from './http.ts';
import { Transient, withRetries } from './transient.ts';
import { Transport } from './transport.ts';

/** What a name resolved to: media type, digest, and the size in bytes of a manifest or an index. */
export interface Resolved {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface RegistryOptions {
  readonly reference: Reference;
  /** Asked once, and only when the registry wants to know who is there. */
  readonly credentials: CredentialSource | undefined;
  readonly signal: AbortSignal;
}

interface Ask {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly accept: string;
  readonly range?: string;
}

const manifestTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  '*/*',
].join(', ');
/** A registry that is down is known to be down within this time, whatever it does or does not do. */
const budgetMs = 27_000;
const answerTimeoutMs = 20_000;
const attempts = 5;

/**
 * Pulls from one repository of one registry (OCI distribution-spec). One instance serves one pull: it keeps connections and the token.
 * Every method throws UserError when the image is unknown or access is refused (neither is tried again), InfrastructureError when the
 * registry cannot be reached or fails (after bounded retries, within 30 s), or the signal's reason.
 */
export class Registry implements Disposable {
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  readonly #origin: URL;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;

  constructor({ reference, credentials, signal }: RegistryOptions) {
    const host = apiHost(reference.domain);
    this.#reference = reference;
    this.#signal = signal;
    this.#origin = new URL(`${isLoopbackHost(host) ? 'http' : 'https'}://${host}`);
    this.#transport = new Transport(this.#origin);
    this.#authorizer = new Authorizer({
      registry: this.#origin,
      repository: reference.path,
      credentials,
      ask: (request) => this.#transport.request({ ...request, timeoutMs: answerTimeoutMs }),
    });
  }

  /** Finds out what the reference names now, without counting as a pull where that is limited. */
  async resolve(): Promise<Resolved> {
    const { digest, tag = 'latest' } = this.#reference;
    const path = `manifests/${digest ?? tag}`;
    return this.#ask({ method: 'HEAD', path, accept: manifestTypes }, async (head) => {
      discard(head);
      const mediaType = mediaTypeOf(head);
      const named = digest ?? String(head.headers['docker-content-digest'] ?? '');
      const size = Number(head.headers['content-length'] ?? 0);
      if (head.status === 200 && isDigest(named) && size > 0 && mediaType !== '')
        return { mediaType, digest: named, size };
      // No HEAD here, or not all of the headers: the body tells the same.
      const { bytes, mediaType: type } = await this.#document(path, manifestTypes);
      return { mediaType: type, digest: digest ?? sha256(bytes), size: bytes.length };
    });
  }

  /** The bytes of a manifest or index, at most 4 MiB. They are not verified: whoever stores them does that. */
  async manifest({ digest, mediaType }: Pick<Resolved, 'digest' | 'mediaType'>): Promise<Buffer> {
    const found = await this.#document(`manifests/${digest}`, `${mediaType}, */*`);
    if (found.mediaType !== mediaType) {
      throw new InfrastructureError(
        `the registry ${this.#origin.host} says that ${digest} is ${found.mediaType} where ${mediaType} was announced`,
      );
    }
    return found.bytes;
  }

  /** A document of the repository that need not be there, such as a signature; at most 4 MiB, not verified. `undefined` when there is none. */
  async find(
    path: `manifests/${string}` | `referrers/${string}`,
    accept: string,
  ): Promise<{ readonly bytes: Buffer; readonly mediaType: string } | undefined> {
    try {
      return await this.#document(path, accept);
    } catch (error) {
      if (error instanceof UserError && error.reason === 'image_not_found') return undefined;
      throw error;
    }
  }

  /**
   * The bytes of a blob from `offset` to its end, as the registry sends them.
   * Iterating throws Transient when the connection breaks: ask again from where it stopped.
   */
  async blob(digest: string, offset: number): Promise<AsyncIterable<Buffer>> {
    const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
    return this.#ask({ method: 'GET', path: `blobs/${digest}`, accept: '*/*', ...range }, async (response) => {
      if (response.status === 200) return skip(readBody(response, this.#signal), offset);
      if (response.status === 206 && rangeStart(response) === offset) return readBody(response, this.#signal);
      discard(response);
      throw new InfrastructureError(
        `the registry ${this.#origin.host} answered ${response.status} for a part of ${digest}`,
      );
    });
  }

  /** Throws unless the registry has the blob or manifest and lets us have it. */
  async prove(digest: string, kind: 'blobs' | 'manifests'): Promise<void> {
    await this.#ask({ method: 'HEAD', path: `${kind}/${digest}`, accept: manifestTypes }, async (response) => {
      discard(response);
      if (response.status !== 200)
        throw new InfrastructureError(`the registry ${this.#origin.host} answered ${response.status} for ${digest}`);
    });
  }

  /** `host:port` of the registry. */
  get host(): string {
    return this.#origin.host;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #document(path: string, accept: string): Promise<{ bytes: Buffer; mediaType: string }> {
    return this.#ask({ method: 'GET', path, accept }, async (response) => {
      const mediaType = mediaTypeOf(response);
      const bytes = await readWhole(response, {
        limit: maxManifestBytes,
        timeoutMs: answerTimeoutMs,
        signal: this.#signal,
      });
      if (bytes === undefined)
        throw invalid(this.#reference.name, `its manifest is larger than ${maxManifestBytes} bytes`);
      return { bytes, mediaType };
    });
  }

  /** Asks until there is an answer worth reading (2xx, or a HEAD that should be a GET) and hands it to `read`, within the retry bounds. */
  async #ask<T>(ask: Ask, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    try {
      return await withRetries({ signal: this.#signal, budgetMs, attempts, firstDelayMs: 250 }, async (remainingMs) =>
        read(await this.#authorized(ask, remainingMs)),
      );
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      throw new InfrastructureError(
        `the registry ${this.#origin.host} cannot serve ${this.#reference.name}: ${error.message}`,
        {
          cause: error,
          reason: 'registry_unavailable',
        },
      );
    }
  }

  async #authorized(ask: Ask, remainingMs: number): Promise<HttpResponse> {
    const end = performance.now() + remainingMs;
    for (let refused = 0; ; refused += 1) {
      const authorization = await this.#authorizer.header(this.#signal);
      const response = await this.#transport.request({
        method: ask.method,
        url: new URL(`/v2/${this.#reference.path}/${ask.path}`, this.#origin),
        headers: {
          accept: ask.accept,
          'user-agent': 'componentd',
          ...(ask.range && { range: ask.range }),
          ...(authorization && { authorization }),
        },
        signal: this.#signal,
        timeoutMs: Math.min(answerTimeoutMs, end - performance.now()),
      });
      if (response.status !== 401) return this.#checked(ask, response);
      discard(response);
      const challenge = response.headers['www-authenticate'];
      const again = refused < 2 && (await this.#authorizer.challenged(challenge, authorization, this.#signal));
      if (!again || (refused === 1 && authorization === undefined)) throw this.#denied();
    }
  }

  #checked(ask: Ask, response: HttpResponse): HttpResponse {
    const { status } = response;
    if (status >= 200 && status < 300) return response;
    if (ask.method === 'HEAD' && (status === 405 || status === 400)) return response;
    discard(response);
    if (status === 404) throw this.#unknown(ask);
    if (status === 403) throw this.#denied();
    if (status === 408 || status === 429 || status >= 500) {
      const retryAfterMs = retryAfter(response);
      throw new Transient(`it answered ${status}`, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
    throw new InfrastructureError(`the registry ${this.#origin.host} answered ${status} for ${this.#reference.name}`);
  }

  #unknown(ask: Ask): UserError {
    const what = ask.path.startsWith('blobs/') ? `${ask.path.slice('blobs/'.length)} of ` : '';
    return new UserError(`unknown image: the registry ${this.#origin.host} has no ${what}${this.#reference.name}`, {
      reason: 'image_not_found',
      hint: 'Check the repository and the tag.',
    });
  }

  #denied(): UserError {
    return deniedError(this.#origin.host, this.#reference.name, this.#authorizer.withCredentials);
  }
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
