import { isAbsolute } from 'node:path';
import { type BuildSettings, problemsOfBuild } from './build-settings.ts';
import { type CollectionSettings, problemsOfCollection } from './collection-settings.ts';
import { type CredentialSettings, problemsOfCredentials } from './credential-settings.ts';
import type { Problem } from './errors.ts';
import { type ImageLimitSettings, problemsOfImageLimits } from './image-limits.ts';
import { type AccessSettings, problemsOfAccess, problemsOfSignatures, type SignatureRules } from './image-trust.ts';
import { suggestFrom } from './suggest.ts';

/**
 * `missing` uses what is present under the name (and digest, when given), `always` asks the registry, `never` refuses to. `digest` is
 * `missing` for exactly the digest that is asked for: nothing else is used, and a request without one is refused.
 */
export type PullPolicy = (typeof pullPolicies)[number];
export const pullPolicies = ['missing', 'always', 'never', 'digest'] as const;

export function isPullPolicy(value: unknown): value is PullPolicy {
  return (pullPolicies as readonly unknown[]).includes(value);
}

/** What an operator decides about images; everything has a default. */
export interface ImageSettings {
  /** Whether jobs ask registries; `missing` when absent. */
  readonly policy?: PullPolicy;
  /** When a registry must say again that whoever asks may have an image that is here. */
  readonly access?: AccessSettings;
  /** Whose signatures are asked for; none when absent. */
  readonly signatures?: SignatureRules;
  /** Folder with a `hosts.toml` for each registry, as containerd reads it; `/etc/containerd/certs.d` when absent. */
  readonly hostsDirectory?: string;
  /** Secrets of registries; none when absent. */
  readonly credentials?: CredentialSettings;
  /** A `config.json` of Docker's or an `auth.json` of podman's, asked for what `credentials` does not have. */
  readonly dockerConfig?: string;
  /** How much one image may take. */
  readonly limits?: ImageLimitSettings;
  /** What the building of one image may take. */
  readonly build?: BuildSettings;
  /** When images that nobody needs are removed by themselves. */
  readonly collection?: CollectionSettings;
}

type Check = (value: unknown, path: string) => readonly Problem[];

const pathCheck: Check = (value, path) =>
  typeof value === 'string' && isAbsolute(value) ? [] : [{ path, message: 'must be an absolute path' }];

const checks: Readonly<Record<keyof ImageSettings, Check>> = {
  hostsDirectory: pathCheck,
  credentials: problemsOfCredentials,
  dockerConfig: pathCheck,
  limits: problemsOfImageLimits,
  build: problemsOfBuild,
  collection: problemsOfCollection,
  policy: (value, path) =>
    isPullPolicy(value) ? [] : [{ path, message: `must be one of ${pullPolicies.join(', ')}` }],
  access: problemsOfAccess,
  signatures: problemsOfSignatures,
};

/** Everything that is wrong with the setting `images`, each with its path. */
export function problemsOfImages(settings: object): readonly Problem[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const path = `images.${key}`;
    if (Object.hasOwn(checks, key)) return checks[key as keyof ImageSettings](value, path);
    const names = Object.keys(checks);
    const hint = suggestFrom(key, names, 'settings');
    return [{ path, message: 'is not a setting of images', hint }];
  });
}
