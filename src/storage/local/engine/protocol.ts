import type { Problem } from '../../../base/errors.ts';
import type { CsvTable, ReadTable } from '../csv/read-table.ts';

/** An immutable Parquet file with columns `c0`, `c1`, … and what they are called. */
export interface Segment {
  readonly path: string;
  readonly columns: readonly string[];
  /** When all of its rows changed (milliseconds); `undefined`: the file's last column says so for every row. */
  readonly changedAt: number | undefined;
}

/** A table's rows: its segments, oldest first, merged by key. A column that a segment lacks is empty there. */
export interface Rows {
  readonly segments: readonly Segment[];
  readonly columns: readonly string[];
  /** Of rows with the same key the last one counts, at its own place. Empty: every row counts. */
  readonly key: readonly string[];
  /** No key is there twice: nothing has to be merged. */
  readonly isMerged: boolean;
  /** Of all segments together. */
  readonly rowCount: number;
}

/** Which rows and columns to read. */
export interface Selection {
  readonly columns: readonly string[];
  readonly where?: { readonly column: string; readonly operator: 'eq' | 'ne'; readonly values: readonly string[] };
  /** Milliseconds. */
  readonly changedSince?: number;
  readonly limit?: number;
}

/** What the engine does, by name: its request and its answer. */
export interface EngineCalls {
  /** CSV to Parquet; the target must not exist and is durable afterwards. */
  readTable: [{ readonly table: CsvTable; readonly target: string }, ReadTable];
  /** One Parquet file with the merged rows and a last column that says when each row changed. */
  merge: [{ readonly rows: Rows; readonly target: string }, { readonly rows: number; readonly bytes: number }];
  /** How many rows the merged table has. */
  count: [{ readonly rows: Rows }, { readonly rows: number }];
  exportCsv: [
    { readonly rows: Rows; readonly selection: Selection; readonly target: string },
    { readonly rows: number },
  ];
  /** Values cut to `maxCharacters`. */
  preview: [
    { readonly rows: Rows; readonly selection: Selection; readonly maxCharacters: number },
    { readonly rows: readonly (readonly string[])[] },
  ];
}

export type EngineCall = keyof EngineCalls;

export interface EngineSettings {
  readonly tempDirectory: string;
  /** As DuckDB writes it, for example `512MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
}

export type ToEngine =
  | { readonly id: number; readonly settings: EngineSettings; readonly call: EngineCall; readonly request: unknown }
  | { readonly cancel: number };

export type FromEngine =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: EngineFailure };

export type EngineFailure =
  | {
      readonly kind: 'user';
      readonly message: string;
      readonly problems: readonly Problem[];
      readonly hint: string | undefined;
    }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'other';
      readonly message: string;
      readonly code: string | undefined;
      readonly path: string | undefined;
    };
