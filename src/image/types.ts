/** What of an image's config has effect when it runs (OCI image-spec, config.md); every other field is ignored. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` entries. */
  readonly env: readonly string[];
  /** Absolute path; `/` when the image names none. */
  readonly workingDir: string;
  /** `user`, `uid`, `user:group` or `uid:gid` as the image says; empty for root. */
  readonly user: string;
  readonly stopSignal: string;
}

/** An image whose content is present and whose layers are unpacked as snapshots: ready to run. */
export interface ReadyImage {
  /** Normalised reference, the name of containerd's image record: `docker.io/library/busybox:latest`. */
  readonly name: string;
  /** Digest the name resolved to (index or manifest), `sha256:…`: the repo digest. */
  readonly digest: string;
  readonly configDigest: string;
  /** Chain id of the top layer: the name of the committed snapshot that containers are prepared from; empty for an image without layers. */
  readonly chainId: string;
  readonly snapshotter: string;
  readonly config: ImageConfig;
}

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** `missing` uses what is present under the name (and digest, when given), `always` asks the registry, `never` refuses to. */
export type PullPolicy = 'missing' | 'always' | 'never';

export interface ImageRequest {
  /** Reference in Docker's grammar; normalised by the callee. */
  readonly reference: string;
  /** `sha256:…`; an image present under another digest is pulled again. */
  readonly digest?: string;
  readonly policy: PullPolicy;
  readonly credentials?: RegistryCredentials;
}
