import type { NormalConfiguration } from './configuration.ts';
import type { DataTypes } from './data-types.ts';
import type { OutputEntry } from './output-entries.ts';
import type { DocumentFormat } from './types.ts';

/** What a row left in `out`, and everything that decides where it goes. Plain data. */
export interface OutputRequest {
  readonly tables: readonly OutputEntry[];
  readonly files: readonly OutputEntry[];
  /** Text of a manifest by its path, `out/tables/cities.csv.manifest`; asked for only when the listing has it as a regular file. */
  readonly readManifest: (path: string) => Promise<string>;
  readonly format: DocumentFormat;
  readonly mapping: OutputMapping;
  readonly defaultBucket?: string;
  readonly dataTypes: DataTypes;
  /** `failed`: only tables that are written always, and no complaint about anything else. */
  readonly pass: 'success' | 'failed';
  readonly producer: Producer;
}

export type OutputMapping = NormalConfiguration['output'];

/** Whose data it is: becomes file tags and table metadata. */
export interface Producer {
  readonly component: string;
  readonly configId?: string;
  readonly rowId?: string;
  readonly runId: string;
}
