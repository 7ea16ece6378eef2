import type { Emit } from '../base/events.ts';
import type { ImageLimits } from '../base/image-limits.ts';
import type { SignatureRules } from '../base/image-trust.ts';
import type { AccessRules } from './access.ts';
import type { Turns } from './turns.ts';
import type { CredentialSource } from './types.ts';

/** What every way of getting an image needs. */
export interface Workplace {
  /** Name of containerd's snapshotter, for example `overlayfs`. */
  readonly snapshotter: string;
  /** How much one image may take. */
  readonly limits: ImageLimits;
  readonly turns: Turns;
  /** When a registry must say again that it gives an image to whoever asks. */
  readonly access: AccessRules;
  /** Whose signatures are asked for; nobody's when absent. */
  readonly signatures?: SignatureRules;
  /** Secrets for registries, besides what a request brings along; none when absent. */
  readonly credentials?: CredentialSource;
  /** Folder in which the operator says which hosts serve a registry, see `readHosts`; containerd's own when absent. */
  readonly hostsDirectory?: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}
