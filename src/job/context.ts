import type { Background } from '../base/background.ts';
import type { Cipher } from '../base/cipher.ts';
import type { Emit, Stream } from '../base/events.ts';
import type { Journal } from '../base/journal.ts';
import type { Scope } from '../base/scope.ts';
import type { DataDir } from './data-dir.ts';
import type { RecordedLine } from './last-lines.ts';
import type { Storage } from './storage.ts';
import type { Engine, Plan, RowPlan, StagePlan } from './types.ts';

/** Where the retained log of a stream ends, as a byte offset into the raw log file; 0 when nothing was retained. */
export type LogOffsets = (row: number, stage: number, stream: Stream) => number;

export type RecordedLines = (row: number, stage: number, count: number) => Promise<readonly RecordedLine[]>;

export interface Settings {
  /** Between SIGTERM and SIGKILL when a job is stopped. */
  readonly graceMs: number;
  /** Raw log that may lie unread before the job is ended with `quota(log)`. */
  readonly logBacklogBytes: number;
  /** Stored size above which a table is not exported (contract 4.1). */
  readonly maxInputTableBytes: number;
  /** The largest file or table source that may leave a container; apparent size. */
  readonly maxOutputBytes: number;
}

/** What every step of one job has at hand. */
export interface JobContext {
  readonly plan: Plan;
  /** The job's own folder below the state directory; 0700. */
  readonly folder: string;
  /** True when an earlier process began the job. */
  readonly resumed: boolean;
  readonly engine: Engine;
  readonly storage: Storage;
  readonly journal: Journal;
  readonly emit: Emit;
  /** Aborted with the error that ends the job; first reason wins. */
  readonly signal: AbortSignal;
  /** Owns what must be gone when the job has ended. */
  readonly scope: Scope;
  readonly cipher: Cipher;
  /** `KBC_TOKEN` and `KBC_URL` of the job's own token; empty when no stage forwards it. */
  readonly tokenEnv: Readonly<Record<string, string>>;
  /** Every secret value of the job, for redaction; grows while the job runs. */
  readonly secrets: Set<string>;
  /** Text without any secret known so far. */
  readonly redact: (text: string) => string;
  readonly offsets: LogOffsets;
  /** The last lines of a stage that the record holds, for a process that did not see them itself. */
  readonly recorded?: RecordedLines;
  /** True when the machine has been started anew since the job began to write data, which was never synced. */
  readonly rebooted: boolean;
  /** Puts every event so far where a killed process does not lose it. */
  readonly flush: () => Promise<void>;
  /** Resolves when the sinks can take more output; `undefined` when they can now. */
  readonly pace: () => Promise<void> | undefined;
  /** Work off the critical path; the end of the job awaits it. */
  readonly background: Background;
  readonly settings: Settings;
}

/** One container of the job, and where it works. */
export interface StageRun {
  readonly row: RowPlan;
  readonly stage: StagePlan;
  readonly dir: DataDir;
  /** As results print it. */
  readonly imageName: string;
}
