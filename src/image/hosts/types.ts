/** One host that may serve the images of a registry: a mirror, or the registry itself. */
export interface HostSettings {
  /** Scheme, host and port. */
  readonly origin: URL;
  /** Path of the registry API, without a slash at its end: `/v2`, or as `override_path` has it. */
  readonly root: string;
  /** Whether content may be had from it, by digest. */
  readonly pull: boolean;
  /** Whether it may say, besides, what a tag means. */
  readonly resolve: boolean;
  /** Sent to this origin and no other. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly tls: TlsSettings;
  /** Bound of the time until a connection is there. */
  readonly connectTimeoutMs: number;
  /** Named by the operator, who may also name an address that a reference must not. */
  readonly isConfigured: boolean;
  /** The `hosts.toml` where it stands, or where it would have to stand to be other than it is. */
  readonly file: string;
}

export interface TlsSettings {
  /** Certificates in PEM of authorities that are trusted besides the usual ones. */
  readonly authorities: readonly string[];
  /** What a server that asks for it is shown, in PEM; each key of another type. */
  readonly identities: readonly Identity[];
  /** Neither the chain nor the name of the server's certificate is looked at. */
  readonly skipVerify: boolean;
}

export interface Identity {
  readonly certificate: string;
  readonly key: string;
}
