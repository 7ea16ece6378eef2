import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * This interface was referenced by `InTableManifest`'s JSON-Schema
 * via the `definition` "metadata".
 */
export type Metadata = {
  id: string;
  key: string;
  value: string;
  provider: string;
  timestamp: string;
}[];

/**
 * What a component finds beside a table in in/tables, in `<name>.manifest`.
 */
export interface InTableManifest {
  /**
   * Table id, `stage.bucket.table`.
   */
  id: string;
  uri: string;
  name: string;
  /**
   * Only when the table has one.
   */
  description?: string;
  primary_key: string[];
  distribution_key: string[];
  created: string;
  last_change_date: string;
  last_import_date: string;
  /**
   * The columns in the file, in their order.
   */
  columns: string[];
  metadata: Metadata;
  /**
   * Of the columns in the file that have some.
   */
  column_metadata: {
    [k: string]: Metadata;
  };
  /**
   * The columns in the file with their types; only of a typed table.
   */
  schema?: {
    name: string;
    /**
     * `base`, and what the author called the type in other databases.
     */
    data_type: {
      [k: string]: DataType;
    };
    /**
     * Whether an empty value may stand for none.
     */
    nullable: boolean;
    primary_key: boolean;
    description?: string;
  }[];
}
/**
 * This interface was referenced by `InTableManifest`'s JSON-Schema
 * via the `definition` "dataType".
 */
export interface DataType {
  type: string;
  length?: string;
  default?: string;
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
