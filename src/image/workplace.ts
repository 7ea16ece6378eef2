import type { Emit } from '../base/events.ts';
import type { Turns } from './turns.ts';
import type { CredentialSource } from './types.ts';

/** What every way of getting an image needs. */
export interface Workplace {
  /** Name of containerd's snapshotter, for example `overlayfs`. */
  readonly snapshotter: string;
  /** Bytes on disk that one unpacked layer may take. */
  readonly maxLayerBytes: number;
  readonly turns: Turns;
  /** Secrets for registries, besides what a request brings along; none when absent. */
  readonly credentials?: CredentialSource;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** 64 GiB for each unpacked layer. */
export const defaultLimits = { maxLayerBytes: 64 * 1024 ** 3 } as const;
