import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * A text; a number or a boolean is read as its text, and null as none.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "text".
 */
export type Text = string;
/**
 * A list of texts.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "texts".
 */
export type Texts = Text[];
/**
 * Keys and values to store with a table or a column.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "metadata".
 */
export type Metadata = {
  key: Text;
  value: Text;
}[];

/**
 * What one run of a component is told: its parameters, what it reads and what it writes. Only `parameters` and `runtime` may hold keys of the author's own.
 */
export interface Configuration {
  /**
   * The component's own settings, handed over as they are written; values below `#` keys are encrypted.
   */
  parameters?: {
    [k: string]: unknown;
  };
  /**
   * Replaced by the component's own image parameters.
   */
  image_parameters?: {
    [k: string]: unknown;
  };
  /**
   * Replaced by the job's action.
   */
  action?: string;
  /**
   * Configuration that declares variables; refused in this version.
   */
  variables_id?: string;
  /**
   * Row with the values of those variables.
   */
  variables_values_id?: string;
  /**
   * Configuration that holds shared code; refused in this version together with rows of it.
   */
  shared_code_id?: string;
  /**
   * Rows of shared code to insert.
   */
  shared_code_row_ids?: Text[];
  storage?: Storage;
  /**
   * Components that change the data before and after the main one, in this order.
   */
  processors?: {
    /**
     * Run before the component, on its input.
     */
    before?: Processor[];
    /**
     * Run after the component, on its output.
     */
    after?: Processor[];
  };
  /**
   * How to run it. Other keys are kept and ignored; nothing of it reaches the container.
   */
  runtime?: {
    /**
     * Accepted; there are no branches it could matter in.
     */
    safe?: boolean | null;
    /**
     * Tag of the component's image, instead of the definition's.
     */
    tag?: string;
    /**
     * As `tag`, which wins over it.
     */
    image_tag?: string;
    /**
     * Seconds the main container may run, instead of the definition's; at most a day.
     */
    process_timeout?: number | null;
    /**
     * How many rows run at once: 0 to 100, or `infinity`. Accepted; rows run one after the other.
     */
    parallelism?: string | number | null;
    /**
     * Accepted and without effect.
     */
    executor?: 'dind' | 'k8sContainers' | null;
    /**
     * Makes files of output tables; refused in this version where the component allows it.
     */
    use_file_storage_only?: boolean;
    /**
     * Size and context of what the job runs on.
     */
    backend?: {
      /**
       * Size; only `small`.
       */
      type?: string;
      /**
       * Size; only `small`.
       */
      containerType?: string;
      /**
       * Goes into `authorization.context`.
       */
      context?: string;
      /**
       * An existing workspace; refused in this version.
       */
      workspace_credentials?: {};
      [k: string]: unknown;
    };
    [k: string]: unknown;
  };
  /**
   * Credentials of the user for other services.
   */
  authorization?: {
    /**
     * Credentials by OAuth; refused in this version.
     */
    oauth_api?: {
      id?: Text;
      version?: Text;
      credentials?: {};
    };
    /**
     * Given by the runner; what is stored here is dropped.
     */
    workspace?: {};
    context?: Text;
    /**
     * Access rules of a data app; refused in this version.
     */
    app_proxy?: {};
  };
  /**
   * Files that jobs of one configuration hand to each other; nothing of it can be enabled in this version.
   */
  artifacts?: {
    options?: {
      /**
       * One archive instead of single files.
       */
      zip?: boolean;
    };
    /**
     * Artifacts of earlier runs of this configuration.
     */
    runs?: {
      enabled?: boolean;
      filter?: {
        date_since?: Text;
        limit?: number | null;
      };
    };
    /**
     * Artifacts of another component, configuration or branch.
     */
    custom?: {
      enabled?: boolean;
      filter?: {
        component_id?: Text;
        config_id?: Text;
        branch_id?: Text;
        date_since?: Text;
        limit?: number | null;
      };
    };
    /**
     * Artifacts of the same orchestration.
     */
    shared?: {
      enabled?: boolean;
    };
  };
}
/**
 * Tables and files to read and to write.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "storage".
 */
export interface Storage {
  input?: {
    /**
     * Only for workspaces; without effect.
     */
    read_only_storage_access?: boolean | null;
    /**
     * Tables to read.
     */
    tables?: InputTable[];
    /**
     * Files to read.
     */
    files?: InputFile[];
  };
  output?: {
    default_bucket?: Text;
    /**
     * Instead of the definition's `dataTypesSupport`, in a project with the feature `new-native-types`.
     */
    data_type_support?: 'authoritative' | 'hints' | 'none' | null;
    /**
     * Without effect.
     */
    table_modifications?: 'none' | 'non-destructive' | 'all' | null;
    /**
     * An empty list: empty values do not stand for none in columns of other types than STRING.
     */
    treat_values_as_null?: unknown[];
    /**
     * Tables to write. What the component writes besides is written, too, when its destination is known.
     */
    tables?: OutputTable[];
    /**
     * Options of files to write. Every file of out/files is written.
     */
    files?: OutputFile[];
    /**
     * Only together with `use_file_storage_only`.
     */
    table_files?: {
      tags?: Texts;
      is_permanent?: boolean;
    };
  };
}
/**
 * A table of Storage that becomes a CSV file in in/tables.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "inputTable".
 */
export interface InputTable {
  /**
   * Table id, `stage.bucket.table`.
   */
  source: string;
  /**
   * Branch to read from; refused in this version.
   */
  source_branch_id?: string | number | null;
  destination?: Text;
  columns?: Texts;
  where_column?: Text;
  where_values?: Texts;
  /**
   * `eq` keeps the rows with the values, `ne` the others.
   */
  where_operator?: 'eq' | 'ne';
  /**
   * Columns one by one. Only `source` has a meaning without a workspace; the rest is refused in this version.
   */
  column_types?: {
    source: Text;
    type?: Text;
    destination?: Text;
    length?: Text;
    nullable?: boolean | null;
    convert_empty_values_to_null?: boolean | null;
    compression?: Text;
  }[];
  changed_since?: Text;
  /**
   * Legacy: only rows changed in the last so many days.
   */
  days?: number;
  /**
   * At most so many rows.
   */
  limit?: number | null;
  /**
   * Only for workspaces; without effect.
   */
  overwrite?: boolean;
  /**
   * Only for workspaces; without effect.
   */
  use_view?: boolean;
  /**
   * COPY, CLONE, VIEW or AUTO. Only for workspaces; without effect.
   */
  load_type?: string;
  /**
   * Only for workspaces; without effect.
   */
  keep_internal_timestamp_column?: boolean;
  /**
   * `parquet` is refused in this version.
   */
  file_type?: 'csv' | 'parquet';
}
/**
 * Files of Storage that become files in in/files. One of tags, source.tags, query and file_ids is needed.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "inputFile".
 */
export interface InputFile {
  /**
   * Exactly these files; only together with `overwrite` and `processed_tags`.
   */
  file_ids?: number[];
  tags?: Texts;
  /**
   * Tags with a kind of match, instead of `tags`.
   */
  source?: {
    tags?: {
      name: string;
      /**
       * `exclude`: files that carry the tag are left out.
       */
      match?: 'include' | 'exclude';
    }[];
  };
  query?: Text;
  /**
   * At most so many files, newest first; 100 when absent.
   */
  limit?: number | null;
  changed_since?: Text;
  processed_tags?: Texts;
  /**
   * `false` is refused in this version.
   */
  overwrite?: boolean;
}
/**
 * A CSV file or folder of slices in out/tables that becomes a table of Storage.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "outputTable".
 */
export interface OutputTable {
  source?: Text;
  destination?: Text;
  /**
   * Add and update rows instead of replacing the table.
   */
  incremental?: boolean;
  /**
   * Only for workspaces; refused.
   */
  unload_strategy?: 'direct-grant' | null;
  /**
   * `insert` is refused in this version.
   */
  deduplication_strategy?: 'insert' | 'upsert' | null;
  primary_key?: Texts;
  columns?: Texts;
  distribution_key?: Texts;
  delete_where_column?: Text;
  delete_where_values?: Texts;
  /**
   * See `delete_where_column`.
   */
  delete_where_operator?: 'eq' | 'ne';
  /**
   * Rows to delete before the load; refused in this version.
   */
  delete_where?: {}[];
  /**
   * Between values, one character.
   */
  delimiter?: string;
  /**
   * Around values, one character or none.
   */
  enclosure?: string;
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
  description?: Text;
  /**
   * Of the table, as an object.
   */
  table_metadata?: {
    [k: string]: Text;
  };
  /**
   * The columns one by one; added to those of the manifest.
   */
  schema?: SchemaColumn[];
  /**
   * The first line is a header although columns are given.
   */
  has_header?: boolean | null;
  manifest_type?: Text;
}
/**
 * One column.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "schemaColumn".
 */
export interface SchemaColumn {
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
}
/**
 * A type by its name in one backend.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "dataType".
 */
export interface DataType {
  type: Text;
  length?: Text;
  default?: Text;
}
/**
 * A file in out/files that becomes a file of Storage.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "outputFile".
 */
export interface OutputFile {
  /**
   * Name of the file.
   */
  source: string;
  tags?: Texts;
  /**
   * Stored with the file.
   */
  is_public?: boolean;
  /**
   * Never expires.
   */
  is_permanent?: boolean;
  /**
   * Stored with the file.
   */
  is_encrypted?: boolean;
  /**
   * Accepted and without effect.
   */
  notify?: boolean;
}
/**
 * One processor.
 *
 * This interface was referenced by `Configuration`'s JSON-Schema
 * via the `definition` "processor".
 */
export interface Processor {
  definition: {
    /**
     * Id of the processor's component.
     */
    component: string;
    /**
     * Tag of its image, instead of its definition's.
     */
    tag?: string;
  };
  /**
   * The processor's own settings.
   */
  parameters?: {
    [k: string]: unknown;
  };
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
