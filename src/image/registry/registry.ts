import { createHash } from 'node:crypto';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import { invalid } from '../document.ts';
import { defaultHostsDirectory, readHosts } from '../hosts/directory.ts';
import { maxManifestBytes } from '../manifest.ts';
import { isDigest, type Reference } from '../reference.ts';
import type { CredentialSource } from '../types.ts';
import { mediaTypeOf, rangeStart, skip } from './answer.ts';
import { type HostFailure, isAbsence, isHostFailure, oneFailure } from './failures.ts';
import { type Ask, answerTimeoutMs, Host } from './host.ts';
import { discard, type HttpResponse, readBody, readWhole } from './http.ts';
import { Transient, withRetries } from './transient.ts';

/** What a name resolved to: media type, digest, and the size in bytes of a manifest or an index. */
export interface Resolved {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface RegistryOptions {
  readonly reference: Reference;
  /** Asked once for each host, and only when it wants to know who is there. */
  readonly credentials: CredentialSource | undefined;
  /** Where the operator says which hosts serve the registry, as `readHosts` reads it; containerd's own place when absent. */
  readonly hostsDirectory?: string | undefined;
  /** Hears of a host that failed where another one helped. */
  readonly emit?: Emit;
  readonly signal: AbortSignal;
}

const manifestTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  '*/*',
].join(', ');
/** A registry that is down is known to be down within this time, whatever it does or does not do, and however many hosts it has. */
const budgetMs = 27_000;
const attempts = 5;

/**
 * Pulls from one repository (OCI distribution-spec), from the hosts that serve its registry: each request is tried at one after the other,
 * and a host that failed comes last from then on. Tags are resolved only where the operator allows it. One instance serves one pull: it
 * keeps connections and tokens.
 * Every method throws UserError when the image is unknown or access is refused (neither is tried again), InfrastructureError when the
 * registry cannot be reached or fails (after bounded retries, within 30 s) or its hosts are configured wrongly, or the signal's reason.
 */
export class Registry implements Disposable {
  readonly #options: RegistryOptions;
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  readonly #hosts: Host[] = [];
  readonly #failed = new Set<Host>();
  readonly #told = new Set<Host>();
  /** Who sent a blob from its start: whoever asks for it again did not like it. */
  readonly #senders = new Map<string, Host>();
  #loading: Promise<void> | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#reference = options.reference;
    this.#signal = options.signal;
  }

  /** Finds out what the reference names now, without counting as a pull where that is limited. */
  async resolve(): Promise<Resolved> {
    const { digest, tag = 'latest' } = this.#reference;
    const path = `manifests/${digest ?? tag}`;
    const told = await this.#ask({ method: 'HEAD', path, accept: manifestTypes }, async (head) => {
      discard(head);
      const mediaType = mediaTypeOf(head);
      const named = digest ?? String(head.headers['docker-content-digest'] ?? '');
      const size = Number(head.headers['content-length'] ?? 0);
      const isComplete = head.status === 200 && isDigest(named) && size > 0 && mediaType !== '';
      return isComplete ? { mediaType, digest: named, size } : undefined;
    });
    if (told !== undefined) return told;
    // No HEAD here, or not all of the headers: the body tells the same.
    const { bytes, mediaType } = await this.#document(path, manifestTypes);
    return { mediaType, digest: digest ?? sha256(bytes), size: bytes.length };
  }

  /** The bytes of a manifest or index, at most 4 MiB. They are not verified: whoever stores them does that. */
  async manifest({ digest, mediaType }: Pick<Resolved, 'digest' | 'mediaType'>): Promise<Buffer> {
    const found = await this.#document(`manifests/${digest}`, `${mediaType}, */*`);
    if (found.mediaType !== mediaType) {
      throw new InfrastructureError(
        `the registry ${this.host} says that ${digest} is ${found.mediaType} where ${mediaType} was announced`,
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
    const disliked = offset === 0 ? this.#senders.get(digest) : undefined;
    if (disliked !== undefined) this.#failed.add(disliked);
    return this.#ask({ method: 'GET', path: `blobs/${digest}`, accept: '*/*', ...range }, async (response, host) => {
      const isPart = response.status === 206 && rangeStart(response) === offset;
      if (response.status !== 200 && !isPart) {
        discard(response);
        throw new InfrastructureError(`the registry ${host.name} answered ${response.status} for a part of ${digest}`);
      }
      if (offset === 0) this.#senders.set(digest, host);
      const body = this.#watched(response, host);
      return isPart ? body : skip(body, offset);
    });
  }

  /** Throws unless the registry has the blob or manifest and lets us have it. */
  async prove(digest: string, kind: 'blobs' | 'manifests'): Promise<void> {
    await this.#ask({ method: 'HEAD', path: `${kind}/${digest}`, accept: manifestTypes }, async (response, host) => {
      discard(response);
      if (response.status !== 200)
        throw new InfrastructureError(`the registry ${host.name} answered ${response.status} for ${digest}`);
    });
  }

  /** The registry, as references call it. */
  get host(): string {
    return this.#reference.domain;
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts) host[Symbol.dispose]();
  }

  /** A body that breaks tells against its host, too. */
  async *#watched(response: HttpResponse, host: Host): AsyncGenerator<Buffer> {
    try {
      yield* readBody(response, this.#signal);
    } catch (error) {
      if (error instanceof Transient) this.#failed.add(host);
      throw error;
    }
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
  async #ask<T>(ask: Ask, read: (response: HttpResponse, host: Host) => Promise<T>): Promise<T> {
    const hosts = await this.#hostsFor(ask);
    const failures = new Map<Host, HostFailure>();
    try {
      return await withRetries({ signal: this.#signal, budgetMs, attempts, firstDelayMs: 250 }, async (remainingMs) => {
        const end = performance.now() + remainingMs;
        const rest = hosts.filter((host) => mayDoBetter(failures.get(host)));
        for (const [index, host] of rest.entries()) {
          try {
            const fairShareMs = (end - performance.now()) / (rest.length - index);
            const value = await read(await host.ask(ask, fairShareMs), host);
            this.#tell(failures, host);
            return value;
          } catch (error) {
            this.#signal.throwIfAborted();
            if (!isHostFailure(error)) throw error;
            this.#failed.add(host);
            failures.set(host, error);
          }
        }
        throw oneFailure(hosts.flatMap((host) => failures.get(host) ?? []));
      });
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      throw new InfrastructureError(
        `the registry ${this.host} cannot serve ${this.#reference.name}: ${error.message}`,
        {
          cause: error,
          reason: 'registry_unavailable',
        },
      );
    }
  }

  /** Those that may be asked, in the order of the configuration; who failed already, last. */
  async #hostsFor({ path }: Ask): Promise<readonly Host[]> {
    this.#loading ??= this.#load();
    await this.#loading;
    const [, tag] = /^manifests\/([^:]+)$/.exec(path) ?? [];
    const able = this.#hosts.filter(({ settings }) => (tag === undefined ? settings.pull : settings.resolve));
    if (able.length > 0) return able.sort((a, b) => Number(this.#failed.has(a)) - Number(this.#failed.has(b)));
    const what = tag === undefined ? 'content may be pulled' : `the tag ${tag} may be resolved`;
    const [
      {
        settings: { file },
      } = { settings: { file: '' } },
    ] = this.#hosts;
    throw new InfrastructureError(`${file} names no host of the registry ${this.host} where ${what}`, {
      reason: 'registry_hosts',
      hint: `Give one of them the capabilities "pull"${tag === undefined ? '' : ' and "resolve", or refer to a digest'}.`,
    });
  }

  async #load(): Promise<void> {
    const { reference, credentials, signal, hostsDirectory = defaultHostsDirectory } = this.#options;
    const found = await readHosts(hostsDirectory, reference.domain);
    this.#hosts.push(...found.map((settings) => new Host({ settings, reference, credentials, signal })));
  }

  /** An operator whose mirror is of no use wants to know, once; that it has not everything is its nature. */
  #tell(failures: Map<Host, HostFailure>, host: Host): void {
    for (const [failed, failure] of failures) {
      if (failed === host || isAbsence(failure) || this.#told.has(failed)) continue;
      this.#told.add(failed);
      const message = `${failure.message}; ${host.name} serves ${this.#reference.name} instead`;
      this.#options.emit?.({ type: 'message', level: 'warning', message });
    }
  }
}

function mayDoBetter(failure: HostFailure | undefined): boolean {
  return failure === undefined || failure instanceof Transient;
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
