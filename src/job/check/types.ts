import type { ImageDetails } from '../../image/details.ts';
import type { ReadyImage } from '../../image/types.ts';
import type { Engine, Policy } from '../types.ts';
import type { CheckName } from './catalogue.ts';

export type CheckStatus = 'ok' | 'failed' | 'warning' | 'skipped';

/** What one check came to; the catalogue says why it matters. */
export interface CheckResult {
  readonly check: CheckName;
  readonly status: CheckStatus;
  /** One sentence without its full stop; may quote the component, redacted and not yet safe to show. */
  readonly saw: string;
  /** One way out, as a sentence; always there when something failed. */
  readonly hint?: string;
}

/** What is to be checked, and how. */
export interface CheckRequest {
  /** Id of the check, a ULID: container ids are derived from it. */
  readonly id: string;
  readonly image: ReadyImage;
  readonly details: ImageDetails;
  /** As results and messages call the image. */
  readonly printable: string;
  /** JSON text of a configuration or of a `config.json`; absent: a minimal one is made up. */
  readonly config?: { readonly text: string; readonly source: string };
  /** A folder like `/data` whose `in` the component finds; absent: it finds none. */
  readonly dataFolder?: string;
  readonly isProcessor: boolean;
  readonly timeoutSeconds: number;
  readonly memory: { readonly bytes: number; readonly text: string };
}

/** What whoever asks for a check may say. */
export type CheckWishes = Pick<CheckRequest, 'config' | 'dataFolder' | 'isProcessor' | 'timeoutSeconds' | 'memory'>;

/** What checks need of the machine. */
export interface CheckTools {
  readonly engine: Pick<Engine, 'runtime' | 'followLog' | 'makeCgroup' | 'removeCgroup' | 'guardFreeSpace'>;
  readonly look: ImageLook;
  /** Reads CSV as Storage would; answers its columns and the number of its rows. @throws UserError with line and column */
  readonly readTable: (table: TableToRead, scratch: string, signal: AbortSignal) => Promise<TableRead>;
  readonly settings: CheckSettings;
}

export interface CheckSettings {
  readonly stateDir: string;
  readonly tenant: string;
  readonly policy: Policy;
  readonly pidsLimit: number;
  readonly graceMs: number;
  readonly logBacklogBytes: number;
}

/** Looks at images and containers that only other layers can take. */
export interface ImageLook {
  /** Why this user cannot execute the image's command; `undefined` when nothing is found. */
  commandFault(user: { readonly uid: number; readonly gid: number }): Promise<string | undefined>;
  /** Files that a container wrote, changed or removed in its root. */
  writtenInRoot(container: string, most: number): Promise<readonly string[]>;
  /** Pids, as we see them, of what runs in a container. */
  processesIn(container: { readonly id: string; readonly cgroupParent: string }): Promise<readonly number[]>;
}

export interface TableToRead {
  readonly source: string;
  readonly paths: readonly string[];
  readonly columns: readonly string[] | undefined;
  readonly skipHeader: boolean;
  readonly csv: { readonly delimiter: string; readonly enclosure: string };
}

export interface TableRead {
  readonly columns: readonly string[];
  readonly rows: number;
}

/** Gets each result as soon as it is known, in the order of the catalogue. */
export type Tell = (result: CheckResult) => void;
