import type { ColumnTypes } from '../base/column-types.ts';

/**
 * The Storage port: where tables, files, definitions, configurations and states live.
 *
 * Order: read what a job needs, stage what it produced, commit once. Nothing staged is visible to anybody before `commit`;
 * `commit` makes tables, files, tags and states appear together or not at all, and is idempotent by its id: called again after a
 * crash it returns the first call's result. What was staged and never committed is collected by `discard` or later by the Storage.
 * Everything is done with the rights of one token, asked anew at every call: a `UserError` names the token and the right that is missing.
 * What a token may not see is not in lists. Every failure is in the taxonomy of base/errors: `UserError` for what the job's author can mend, `InfrastructureError` for the rest.
 */
export interface Storage {
  readonly project: ProjectInfo;
  /** The token the job runs under. */
  readonly token: TokenInfo;

  /** The component's definition as JSON text, `#` values encrypted; `undefined` when unknown. */
  component(id: string): Promise<string | undefined>;
  configuration(componentId: string, configId: string): Promise<StoredConfiguration | undefined>;

  table(id: string): Promise<TableInfo | undefined>;
  /** Writes the table as CSV (UTF-8, LF, every value quoted, header first) to a path that does not exist yet. */
  exportTable(request: TableExport, signal: AbortSignal): Promise<{ readonly rows: number; readonly bytes: number }>;
  /** Newest first; all selectors must hold. */
  findFiles(selector: FileSelector): Promise<readonly FileInfo[]>;
  /** Copies (reflink or kernel copy, never a hard link) the file's content to a path that does not exist yet. */
  downloadFile(id: number, path: string, signal: AbortSignal): Promise<void>;

  /** Reads CSV into something that can be committed. The source files stay where they are, and nobody changes them any more: the Storage may link to them. Strict: see `TableLoad.csv`. */
  stageTable(commitId: string, load: TableLoad, signal: AbortSignal): Promise<StagedTable>;
  stageFile(commitId: string, upload: FileUpload, signal: AbortSignal): Promise<StagedFile>;
  commit(commit: Commit): Promise<CommitResult>;
  /** Forgets what was staged under this id and not committed. */
  discard(commitId: string): Promise<void>;

  /** A token for one job, to be forwarded to its containers; expires by itself. Revokes those issued for the job before. */
  issueJobToken(jobId: string, lifetimeSeconds: number): Promise<{ readonly id: string; readonly secret: string }>;
  /** Revokes every token issued for the job, those of attempts that were killed among them; none is fine. */
  revokeJobTokens(jobId: string): Promise<void>;

  /**
   * Why the token may not do this, with a way out; `undefined` when it may. Every call of the port asks it by itself, at the moment it is made:
   * this is for telling early.
   */
  refusal(need: Need): { readonly message: string; readonly hint: string } | undefined;

  /** Ends child processes and closes handles. */
  close(): Promise<void>;
}

export interface ProjectInfo {
  readonly id: string;
  readonly name: string;
  readonly features: readonly string[];
  /** Host name of the Storage URL: `KBC_STACKID`. */
  readonly stackId: string;
  readonly url: string;
  readonly fileStorageProvider: 'aws' | 'azure' | 'gcp';
  readonly branchId: string;
}

/** Something that a token may do or not. To `run` configurations is to read them and to save their states; `write` holds both. */
export type Need =
  | { readonly on: 'bucket'; readonly bucket: string; readonly to: 'read' | 'write' }
  | { readonly on: 'components'; readonly to: 'read' | 'write' }
  | { readonly on: 'configurations'; readonly to: 'read' | 'run' | 'write' }
  | { readonly on: 'files'; readonly to: 'all' }
  | { readonly on: 'tokens'; readonly to: 'manage' };

export interface TokenInfo {
  readonly id: string;
  readonly description: string;
}

export interface StoredConfiguration {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly isDisabled: boolean;
  /** JSON text as stored, `#` values encrypted. */
  readonly configuration: string;
  readonly state: string;
  readonly rows: readonly StoredRow[];
}

export interface StoredRow {
  readonly id: string;
  readonly isDisabled: boolean;
  readonly configuration: string;
  readonly state: string;
}

export interface MetadataEntry {
  readonly key: string;
  readonly value: string;
}

export interface StoredMetadata extends MetadataEntry {
  readonly id: string;
  readonly provider: string;
  readonly timestamp: string;
}

export interface TableInfo {
  /** `stage.bucket.table`. */
  readonly id: string;
  readonly uri: string;
  readonly name: string;
  readonly description?: string;
  readonly primaryKey: readonly string[];
  readonly distributionKey: readonly string[];
  readonly columns: readonly string[];
  /** ISO 8601 with offset, `2024-03-01T10:00:00+0100`. */
  readonly created: string;
  readonly lastChangeDate: string;
  readonly lastImportDate: string;
  readonly rowsCount: number;
  readonly dataSizeBytes: number;
  readonly metadata: readonly StoredMetadata[];
  readonly columnMetadata: Readonly<Record<string, readonly StoredMetadata[]>>;
  /** Only a typed table has it. Values are in their canonical text (base/column-types), the empty one stands for none. */
  readonly types?: ColumnTypes;
}

export interface TableExport {
  readonly table: string;
  readonly path: string;
  /** Empty: all, in the table's order. */
  readonly columns: readonly string[];
  readonly where?: { readonly column: string; readonly operator: 'eq' | 'ne'; readonly values: readonly string[] };
  /** Only rows changed at or after this moment (ISO 8601). */
  readonly changedSince?: string;
  readonly limit?: number;
}

export interface FileInfo {
  readonly id: number;
  readonly name: string;
  readonly created: string;
  readonly isPublic: boolean;
  readonly isEncrypted: boolean;
  readonly isPermanent: boolean;
  readonly tags: readonly string[];
  readonly maxAgeDays: number | null;
  readonly sizeBytes: number;
}

export interface FileSelector {
  readonly ids?: readonly number[];
  readonly includeTags?: readonly string[];
  readonly excludeTags?: readonly string[];
  readonly changedSince?: string;
  readonly limit: number;
}

/** How a table's data is written: RFC 4180 with this delimiter and enclosure, UTF-8 (BOM tolerated), LF or CRLF, every value text. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly enclosure: string;
}

export interface TableLoad {
  /** Name for messages: the source as the author knows it. */
  readonly source: string;
  readonly destination: string;
  /** One file, or the slices of a sliced table in order. Regular files that only we can write. */
  readonly paths: readonly string[];
  /** Given: the files have no header, unless `skipHeader`. Absent: the first line is the header. */
  readonly columns?: readonly string[];
  readonly skipHeader: boolean;
  readonly csv: CsvDialect;
  readonly incremental: boolean;
  readonly primaryKey: readonly string[];
  readonly distributionKey: readonly string[];
  readonly description?: string;
  /** Stored with the provider below. */
  readonly metadata: readonly MetadataEntry[];
  readonly columnMetadata: Readonly<Record<string, readonly MetadataEntry[]>>;
  readonly provider: string;
  /** Absent: the load says nothing of types. A table that is typed is so for every load. */
  readonly typing?: LoadTyping;
  /** Stored with provider `system`: `KBC.createdBy.*` on creation, `KBC.lastUpdatedBy.*` on update. */
  readonly origin: Readonly<Record<'component' | 'configuration' | 'configurationRow', string | undefined>>;
}

/** Types that a load brings: a new table and new columns get them. */
export interface LoadTyping {
  readonly types: ColumnTypes;
  /** A table that is there must have these types already; else its own are in force. */
  readonly isAuthoritative: boolean;
  /** False: an empty value fits no type but STRING. */
  readonly emptyIsNull: boolean;
}

/** A header name, and the column it became. */
export interface RenamedColumn {
  readonly from: string;
  readonly to: string;
}

/** Plain data: goes into the journal and comes back after a crash. */
export interface StagedTable {
  readonly load: Omit<TableLoad, 'paths'>;
  readonly columns: readonly string[];
  readonly renamed?: readonly RenamedColumn[];
  readonly rows: number;
  readonly bytes: number;
  /** The Storage's own handle of the staged data. */
  readonly handle: string;
}

export interface FileUpload {
  readonly name: string;
  readonly path: string;
  readonly tags: readonly string[];
  readonly isPublic: boolean;
  readonly isPermanent: boolean;
  readonly isEncrypted: boolean;
}

export interface StagedFile {
  readonly upload: Omit<FileUpload, 'path'>;
  readonly bytes: number;
  readonly handle: string;
}

export interface StateUpdate {
  readonly component: string;
  readonly config: string;
  readonly row?: string;
  /** The root keys to replace, as JSON text with `#` values encrypted; other roots of the stored state are kept. */
  readonly roots: Readonly<Record<string, string>>;
}

export interface Commit {
  /** Same id, same commit: job, attempt and what it is for. */
  readonly id: string;
  /** Tables and files may have been staged under any id. */
  readonly tables: readonly StagedTable[];
  readonly files: readonly StagedFile[];
  readonly processedTags: readonly { readonly fileId: number; readonly tags: readonly string[] }[];
  readonly states: readonly StateUpdate[];
}

export interface CommitResult {
  readonly tables: readonly {
    readonly id: string;
    readonly name: string;
    readonly columns: readonly string[];
    readonly importedRows: number;
  }[];
  readonly files: readonly { readonly id: number; readonly name: string }[];
  /** What did not change the outcome, for example a configuration that was deleted meanwhile. */
  readonly warnings: readonly string[];
}
