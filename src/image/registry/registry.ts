import { createHash } from 'node:crypto';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { invalid } from '../document.ts';
import { maxConfigBytes, maxManifestBytes } from '../manifest.ts';
import { isDigest, type Reference } from '../reference.ts';
import { mediaTypeOf, rangeStart, skip } from './answer.ts';
import { answerTimeoutMs, type Host } from './host.ts';
import { Hosts, type HostsOptions } from './hosts.ts';
import { discard, readBody, readWhole } from './http.ts';

/** What a name resolved to: media type, digest, and the size in bytes of a manifest or an index. */
export interface Resolved {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A manifest, an index, or what is like one. */
export interface Document {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export type RegistryOptions = HostsOptions;

const manifestTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  '*/*',
].join(', ');

/**
 * Pulls from one repository (OCI distribution-spec), from the hosts that serve its registry: each request is tried at one after the other,
 * and a host that failed comes last from then on. Tags are resolved only where the operator allows it. One instance serves one pull: it
 * keeps connections and tokens.
 * Every method throws UserError when the image is unknown or access is refused (neither is tried again), InfrastructureError when the
 * registry cannot be reached or fails (after bounded retries, within 30 s) or its hosts are configured wrongly, or the signal's reason.
 */
export class Registry implements Disposable {
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  readonly #hosts: Hosts;
  /** Who sent a blob from its start: whoever asks for it again did not like it. */
  readonly #senders = new Map<string, Host>();

  constructor(options: RegistryOptions) {
    this.#reference = options.reference;
    this.#signal = options.signal;
    this.#hosts = new Hosts(options);
  }

  /** Finds out what the reference names now, without counting as a pull where that is limited. */
  async resolve(): Promise<Resolved> {
    const { digest, tag = 'latest' } = this.#reference;
    const path = `manifests/${digest ?? tag}`;
    const told = await this.#hosts.ask({ method: 'HEAD', path, accept: manifestTypes }, async (head) => {
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

  /** The bytes of a manifest or index, at most 4 MiB, with the digest and of the type that are asked for. */
  async manifest({ digest, mediaType }: Pick<Resolved, 'digest' | 'mediaType'>): Promise<Buffer> {
    return (await this.#document(`manifests/${digest}`, `${mediaType}, */*`, { mediaType })).bytes;
  }

  /** A document of the repository that need not be there, such as a signature; at most 4 MiB, and with its digest where the path has one. `undefined` when there is none. */
  async find(path: `manifests/${string}` | `referrers/${string}`, accept: string): Promise<Document | undefined> {
    try {
      return await this.#document(path, accept, { isOptional: true });
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
    if (disliked !== undefined) this.#hosts.blame(disliked);
    return this.#hosts.ask(
      { method: 'GET', path: `blobs/${digest}`, accept: '*/*', ...range },
      async (response, host) => {
        const isPart = response.status === 206 && rangeStart(response) === offset;
        if (response.status !== 200 && !isPart) {
          discard(response);
          throw new InfrastructureError(
            `the registry ${host.name} answered ${response.status} for a part of ${digest}`,
          );
        }
        if (offset === 0) this.#senders.set(digest, host);
        const body = readBody(response, this.#signal, () => this.#hosts.blame(host));
        return isPart ? body : skip(body, offset);
      },
    );
  }

  /** Throws unless the registry has the blob or manifest and lets us have it. */
  async prove(digest: string, kind: 'blobs' | 'manifests'): Promise<void> {
    const path = `${kind}/${digest}`;
    const isProven = await this.#hosts.ask({ method: 'HEAD', path, accept: manifestTypes }, async (response, host) => {
      discard(response);
      if (response.status !== 200 && kind === 'blobs')
        throw new InfrastructureError(`the registry ${host.name} answered ${response.status} for ${digest}`);
      return response.status === 200 && (kind === 'blobs' || response.headers['docker-content-digest'] === digest);
    });
    // No HEAD here, or the answer of something else than a registry, such as a page to log in: the manifest itself proves it.
    if (!isProven) await this.#document(path, manifestTypes);
  }

  /** The registry, as references call it. */
  get host(): string {
    return this.#reference.domain;
  }

  /**
   * Throws unless the registry sends the document itself, an index, a manifest or a config: any registry can say that it has what somebody
   * knows the digest of.
   */
  async proveDocument(digest: string, kind: 'blobs' | 'manifests'): Promise<void> {
    await this.#document(`${kind}/${digest}`, kind === 'blobs' ? '*/*' : manifestTypes);
  }

  /** Whether it may know who asks although nobody was asked for credentials: by a certificate, or by headers of the operator's. */
  get isShownWho(): boolean {
    return this.#hosts.areShownWho;
  }

  [Symbol.dispose](): void {
    this.#hosts[Symbol.dispose]();
  }

  async #document(
    path: string,
    accept: string,
    { mediaType, isOptional }: { readonly mediaType?: string; readonly isOptional?: boolean } = {},
  ): Promise<Document> {
    const ask = { method: 'GET', path, accept, ...(isOptional && { isOptional }) } as const;
    return this.#hosts.ask(ask, async (response, host) => {
      const found = mediaTypeOf(response);
      const [what, limit] = path.startsWith('blobs/') ? ['config', maxConfigBytes] : ['manifest', maxManifestBytes];
      const bytes = await readWhole(response, { limit, timeoutMs: answerTimeoutMs, signal: this.#signal });
      if (bytes === undefined) throw invalid(this.#reference.name, `its ${what} is larger than ${limit} bytes`);
      const wrong =
        mediaType !== undefined && found !== mediaType
          ? `says that ${path} is ${found} where ${mediaType} was announced`
          : !isContentOf(path, bytes) && `sent something else as ${path}`;
      if (wrong) throw new InfrastructureError(`the registry ${host.name} ${wrong}`, { reason: 'wrong_content' });
      return { bytes, mediaType: found };
    });
  }
}

/** False when the path names another digest than that of `bytes`. */
function isContentOf(path: string, bytes: Buffer): boolean {
  const [, digest, algorithm = ''] = /^(?:manifests|blobs)\/((sha\d+):.+)$/.exec(path) ?? [];
  return digest === undefined || digest === `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
