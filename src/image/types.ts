import type { PullPolicy } from '../base/image-settings.ts';

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
  /** Digest of the manifest for this machine, where `digest` is that of an index; absent otherwise. */
  readonly manifestDigest?: string;
  readonly configDigest: string;
  /** Chain id of the top layer: the name of the committed snapshot that containers are prepared from; empty for an image without layers. */
  readonly chainId: string;
  readonly snapshotter: string;
  readonly config: ImageConfig;
}

/** What a request brings along: for `server` only, or for the image's own registry when none is named. */
export interface RegistryCredentials {
  /** `aws-key`: name and password are an AWS access key's id and secret, for which ECR gives out a password. A user's when absent. */
  readonly kind?: 'aws-key';
  readonly username: string;
  readonly password: string;
  /** As people write it: `quay.io`, `https://index.docker.io/v1/`. */
  readonly server?: string;
  /** Of AWS; needed where the registry's name does not tell it. */
  readonly region?: string;
}

/** What a registry is convinced with. Never shown, never written down. */
export type RegistrySecret = SecretText & {
  /** Where it was found, for messages: `the credentials for quay.io in /etc/componentd/docker.json`. */
  readonly origin?: string;
  /** `host[:port]` of a token server that may be sent it, although it belongs to another domain than the registry. */
  readonly tokenServer?: string;
};

type SecretText =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, which the registry's token server takes for an access token. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token, sent as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };

/** An AWS access key; with a session token when it is a temporary one. */
export interface AwsKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface CredentialQuery {
  /** `host[:port]` that is asked, in lower case and without the port that its scheme implies: `registry-1.docker.io`, a mirror's own. */
  readonly host: string;
  /** Repository within it: `library/busybox`. */
  readonly repository: string;
  /** What the request brings along for this host, if it is no secret of the registry's itself. */
  readonly given?: { readonly key: AwsKey; readonly region?: string };
  readonly signal: AbortSignal;
}

/** Where the secrets of one tenant come from. Asked when a registry wants one, once for each host and pull. */
export interface CredentialSource {
  /** For messages: the host that a request's own credentials are for, when that is not the image's registry. */
  readonly otherHost?: string;
  /** Answers nothing when there is no secret for the host: it is asked anonymously. @throws when a secret is configured and cannot be had */
  find(query: CredentialQuery): Promise<RegistrySecret | undefined>;
}

export interface ImageRequest {
  /** Reference in Docker's grammar; normalised by the callee. */
  readonly reference: string;
  /** `sha256:…`; an image present under another digest is pulled again. */
  readonly digest?: string;
  readonly policy: PullPolicy;
  readonly credentials?: RegistryCredentials;
}
