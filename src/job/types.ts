/**
 * Words.
 *
 * - **job**: one run of a component with a configuration, for an authenticated token. **attempt**: its number, from 1.
 * - **row**: one configuration row, or the configuration itself when it has none. Rows run one after the other, each in its own `/data`.
 * - **stage**: one container of a row: a *before* processor, the component (*main*), or an *after* processor.
 * - **plan**: the job with every decision taken; frozen plain data, secrets still encrypted.
 * - **journal**: the steps that finished, on disk. **outcome**: how a stage or a job ended. **result**: what the caller gets.
 * - **tenant**: whose job it is: a containerd namespace, a project and a folder of its own.
 */
import type { ErrorClass, Problem } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import type { BuildRequest } from '../image/build/types.ts';
import type { ImageRequest, ReadyImage, RegistryCredentials } from '../image/types.ts';
import type { FollowLog } from '../runtime/logs.ts';
import type { Limits, Runtime, Usage } from '../runtime/types.ts';
import type { BuildPlan } from './build/types.ts';
import type { DataTypes } from './data-types.ts';
import type { LastLine } from './last-lines.ts';
import type {
  CommitResult,
  FileSelector,
  ProjectInfo,
  StagedFile,
  StagedTable,
  TableExport,
  TokenInfo,
} from './storage.ts';

export type Policy = 'compatible' | 'hardened';

/** Where a memory limit comes from: the definition, times the job's container size, a limit of the project, or what the operator allows. */
export type MemorySource = 'definition' | 'size' | 'project' | 'operator';

export interface Plan {
  /** See `format.ts`. */
  readonly formatVersion: 1 | 2;
  readonly job: string;
  readonly attempt: number;
  /** Identifies this node in derived ids. */
  readonly node: string;
  readonly tenant: string;
  readonly policy: Policy;
  readonly mode: 'run' | 'forceRun';
  readonly component: string;
  readonly config?: string;
  /** Of `config.json`, states, usage and manifests, as the main component says. */
  readonly format: DocumentFormat;
  /** True when the configuration is stored, so that state is saved to it. */
  readonly keepsState: boolean;
  readonly configVersion: string;
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  /** Every image of the job once; stages refer to it by index. */
  readonly images: readonly ImagePlan[];
  readonly rows: readonly RowPlan[];
  readonly warnings: readonly string[];
}

export interface ImagePlan extends Omit<ImageRequest, 'credentials'> {
  /** As results print it: without the registry's host. */
  readonly printable: string;
  /** For messages. */
  readonly component: string;
  /** The password is encrypted under the component's scope. */
  readonly credentials?: Omit<RegistryCredentials, 'password'> & { readonly encryptedPassword: string };
  /** How it is built upon what the rest names; absent when that is the image itself. */
  readonly build?: BuildPlan;
}

export interface RowPlan {
  readonly index: number;
  /** Absent when the configuration has no rows. */
  readonly rowId?: string;
  readonly stages: readonly StagePlan[];
  readonly inputTables: readonly InputTable[];
  readonly inputFiles: readonly InputFiles[];
  readonly output: OutputPlan;
  /** Content of `in/state.*` as JSON text, `#` values encrypted. */
  readonly state: string;
  /** The stored state's `storage` root as JSON text. */
  readonly storageState: string;
}

export interface InputTable extends Omit<TableExport, 'path'> {
  /** File name in `in/tables`. */
  readonly destination: string;
}

export interface InputFiles {
  readonly selector: FileSelector;
  readonly processedTags: readonly string[];
}

export interface OutputPlan {
  /** False with the staging `none`: nothing is taken from `out`. */
  readonly isTaken: boolean;
  /** `storage.output` of the normalised configuration as JSON text. */
  readonly mapping: string;
  readonly defaultBucket?: string;
  /** Absent in plans of older versions: `off`. */
  readonly dataTypes?: DataTypes;
}

export type StageRole = 'before' | 'main' | 'after';
export type DocumentFormat = 'json' | 'yaml';

export interface StagePlan {
  readonly index: number;
  readonly role: StageRole;
  readonly component: string;
  /** Index into `Plan.images`. */
  readonly image: number;
  readonly container: string;
  /** `{job}-{run}-{row}-{index}-{component}`, the contract's container name; kept as a label. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Content of `config.json` as JSON text, `#` values encrypted. */
  readonly configFile: string;
  readonly env: Readonly<Record<string, string>>;
  /** Adds `KBC_TOKEN` and `KBC_URL`. */
  readonly forwardToken: boolean;
  /** Runs as the image's own user, and ownership is reset afterwards. */
  readonly asImageUser: boolean;
  readonly network: 'none' | 'bridge' | 'no-internet';
  readonly sysctls: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /** The memory limit for messages, for example `256M`. */
  readonly memoryText: string;
  /** Absent in plans of older versions: the definition. */
  readonly memoryFrom?: MemorySource;
  readonly timeoutSeconds: number;
  readonly noApplicationErrors: boolean;
}

/** How a job or a stage ended; see `verdict.ts`. */
export type Outcome =
  | 'success'
  | 'user_error'
  | 'oom'
  | 'timeout'
  | 'quota'
  | 'app_error'
  | 'infra'
  | 'lost'
  | 'stuck'
  | 'cancelled';

/** What one stage left behind; plain data in the journal. */
export interface StageOutcome {
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly exitedAt: string;
  readonly durationMs: number;
  readonly usage: Usage;
  /** For the job's author; absent on success. */
  readonly message?: string;
  /** Absent on success, and in journals of older versions. */
  readonly explanation?: Explanation;
  /** Main stage only: the new `component` state as JSON text, `#` values encrypted; absent when the stage failed. */
  readonly newState?: string;
  readonly usageMetrics?: readonly { readonly metric: string; readonly value: number | string }[];
}

/** Why something failed, beside its message: the limit it met, how near it was, what it said last, and one thing to do. */
export interface Explanation {
  /** What was counted, as a sentence; absent when the message says everything. */
  readonly what?: string;
  /** The limit that was met. */
  readonly limit?: Limit;
  /** In the unit of the limit. */
  readonly used?: number;
  readonly suggestion?: string;
  /** The end of the output, redacted, the oldest first; empty when nothing was printed or no container ran. */
  readonly lastLines: readonly LastLine[];
}

export interface Limit {
  readonly name: 'memory' | 'time' | 'processes' | 'log' | 'disk';
  readonly value: number;
  readonly unit: 'bytes' | 'seconds' | 'processes';
}

/** Why a row failed; plain data. */
export interface Failure {
  readonly outcome: Outcome;
  /** Of a stop. */
  readonly signal?: 'SIGINT' | 'SIGTERM';
  readonly message: string;
  readonly problems: readonly Problem[];
  readonly explanation?: Explanation;
}

/** A staged table, and whether it leaves even when the job fails. */
export interface OutputTable {
  readonly staged: StagedTable;
  readonly writeAlways: boolean;
}

export interface RowOutcome {
  readonly row: number;
  readonly failure?: Failure;
  readonly stages: readonly StageOutcome[];
  readonly inputs: Inputs;
  readonly outputs: Outputs;
}

/** What the output mapping of one row staged. */
export interface Outputs {
  readonly tables: readonly OutputTable[];
  readonly files: readonly StagedFile[];
  readonly variables: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** What the input mapping of one row brought. */
export interface Inputs {
  readonly tables: readonly { readonly id: string; readonly rows: number; readonly bytes: number }[];
  readonly processedTags: readonly ProcessedTags[];
}

export interface ProcessedTags {
  readonly fileId: number;
  readonly tags: readonly string[];
}

/** What a stage ran, or was to run; without digests when the image could not be had. */
export interface UsedImage {
  /** Without the registry's host. */
  readonly id: string;
  /** `repository@digest`, as `docker inspect` tells it. */
  readonly digests: readonly string[];
  /** The whole reference, as containerd names the image; this and the rest are absent in results of older versions. */
  readonly name?: string;
  /** What the name led to: an index or a manifest. */
  readonly digest?: string;
  /** The manifest that ran, where `digest` is an index's. */
  readonly manifestDigest?: string;
}

/** The one object at the end; what `--json` prints and the journal's last step holds. */
export interface JobResult {
  readonly job: string;
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly message: string;
  readonly component: string;
  readonly config?: string;
  readonly configVersion: string;
  /** What the job ran under; results of the first format do not say it. */
  readonly token?: TokenInfo;
  /** Outer list: rows that ran; inner: images in run order, without the registry's host. */
  readonly images: readonly (readonly UsedImage[])[];
  readonly stages: readonly (readonly StageOutcome[])[];
  readonly input: {
    readonly tables: readonly { readonly id: string; readonly rows: number; readonly bytes: number }[];
  };
  readonly output: Pick<CommitResult, 'tables' | 'files'>;
  readonly outputVariables: Readonly<Record<string, string>>;
  readonly usage: readonly { readonly metric: string; readonly value: number | string }[];
  readonly warnings: readonly string[];
  readonly error?: {
    readonly type: ErrorClass;
    readonly exceptionId: string;
    readonly problems: readonly Problem[];
  };
  /** Of what ended the job; absent on success, and when there is nothing to add to the message. */
  readonly explanation?: Explanation;
  readonly durationMs: number;
}

/** What a job needs of the machine; functions, so that this folder knows types only. */
export interface Engine {
  readonly runtime: Runtime;
  readonly followLog: FollowLog;
  ensureImage(
    request: ImageRequest,
    options: { readonly emit: Emit; readonly signal: AbortSignal },
  ): Promise<ReadyImage>;
  /** See `buildImage` in `src/image/build`. */
  buildImage(
    request: BuildRequest,
    options: { readonly emit: Emit; readonly signal: AbortSignal },
  ): Promise<ReadyImage>;
  /** Makes the job's own cgroup, so that nobody who tidies up empty ones removes its parents while containers are created in it. */
  makeCgroup(path: string): Promise<void>;
  /** Removes the job's own cgroup when it is empty, and its parents that nobody uses. */
  removeCgroup(path: string): Promise<void>;
  /** Rejects with an InfrastructureError as soon as the file system of the path is nearly full; resolves when the signal aborts. */
  guardFreeSpace(path: string, signal: AbortSignal): Promise<void>;
}
