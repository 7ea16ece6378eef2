import type { Readable } from 'node:stream';
import type { Stream } from '../../base/events.ts';

/** What one workshop is given. Plain data. */
export interface WorkshopRequest {
  /** Of its container, 64 hex digits; used once. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cgroupParent: string;
  /** Made for it, and removed with it. */
  readonly folder: string;
  readonly network: 'none' | 'bridge' | 'no-internet';
  /** Of the network. */
  readonly policy: 'compatible' | 'hardened';
  readonly limits: WorkshopLimits;
}

export interface WorkshopLimits {
  readonly memoryBytes: number;
  readonly pids: number;
  /** All that it writes to disk. */
  readonly diskBytes: number;
}

/**
 * A container with the programs of this machine (`/usr`, read-only), whose root is nobody outside of it: the place for work on what
 * strangers wrote. It does one step after another. Nothing of it is left when it is closed, and a sweep finds it after a crash.
 */
export interface Workshop {
  /**
   * Unpacks the tar `input` to `/shop/in` (what is in `secrets` there never reaches a disk), runs `/shop/in/step.sh` there and answers a tar of what it left in `/shop/out`. The answer ends
   * early when the step fails. Whatever a step left running goes on.
   * @throws what ended the workshop
   */
  step(input: AsyncIterable<Uint8Array>, use: (output: Readable) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** How a workshop is opened: of the composition, because it takes a runtime. */
export interface WorkshopOptions {
  /** Every byte that it prints, in order; valid during the call only. */
  readonly onOutput: (stream: Stream, bytes: Buffer, offset: number) => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

export type OpenWorkshop = (request: WorkshopRequest, options: WorkshopOptions) => Promise<Workshop>;

/** The step failed: what it printed says why. */
export class StepFailed extends Error {
  readonly exitCode: number;
  readonly oomKills: number;
  constructor({ exitCode, oomKills }: { readonly exitCode: number; readonly oomKills: number }) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
    this.oomKills = oomKills;
  }
}
