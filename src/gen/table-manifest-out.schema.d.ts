import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * This interface was referenced by `OutTableManifest`'s JSON-Schema
 * via the `definition` "text".
 */
export type Text = string;
/**
 * This interface was referenced by `OutTableManifest`'s JSON-Schema
 * via the `definition` "texts".
 */
export type Texts = Text[];
/**
 * This interface was referenced by `OutTableManifest`'s JSON-Schema
 * via the `definition` "metadata".
 */
export type Metadata = {
  key: Text;
  value: Text;
}[];

/**
 * What a component says about a table in out/tables, in `<name>.manifest` beside it. A manifest of an input table is something else and is refused here.
 */
export interface OutTableManifest {
  destination?: Text;
  columns?: Texts;
  primary_key?: Texts;
  distribution_key?: Texts;
  /**
   * Add and update rows instead of replacing the table.
   */
  incremental?: boolean;
  /**
   * Between values.
   */
  delimiter?: string;
  /**
   * Around values; empty for none.
   */
  enclosure?: string;
  delete_where_column?: Text;
  delete_where_values?: Texts;
  /**
   * See `delete_where_column`.
   */
  delete_where_operator?: 'eq' | 'ne';
  /**
   * Refused in this version.
   */
  delete_where?: {}[];
  metadata?: Metadata;
  /**
   * Of its columns, by their names.
   */
  column_metadata?: {
    [k: string]: Metadata;
  };
  /**
   * Loaded even when the job fails.
   */
  write_always?: boolean;
  tags?: Texts;
  manifest_type?: Text;
  /**
   * The first line is a header although columns or a schema are given.
   */
  has_header?: boolean | null;
  description?: Text;
  /**
   * Of the table, as an object; instead of `metadata`.
   */
  table_metadata?: {
    [k: string]: Text;
  };
  /**
   * The columns one by one; instead of columns, primary_key, distribution_key, metadata and column_metadata.
   */
  schema?: {
    name: string;
    /**
     * Enforced in a project with the feature `new-native-types`; else every value stays text.
     */
    data_type?: {
      base?: DataType;
      snowflake?: DataType;
      bigquery?: DataType;
    };
    nullable?: boolean | null;
    primary_key?: boolean | null;
    distribution_key?: boolean | null;
    description?: Text;
    metadata?: {
      [k: string]: Text;
    };
  }[];
  /**
   * Only for workspaces; refused.
   */
  unload_strategy?: 'direct-grant' | null;
  /**
   * `insert` is refused in this version.
   */
  deduplication_strategy?: 'insert' | 'upsert' | null;
}
/**
 * This interface was referenced by `OutTableManifest`'s JSON-Schema
 * via the `definition` "dataType".
 */
export interface DataType {
  type: Text;
  length?: Text;
  default?: Text;
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
