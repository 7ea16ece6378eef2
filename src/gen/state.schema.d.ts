import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * The state stored with a configuration or a row: what the component remembered, and what was read from Storage last time.
 */
export interface State {
  /**
   * What the component wrote to out/state.json; it gets it back as in/state.json.
   */
  component?: {
    [k: string]: unknown;
  };
  /**
   * Kept for data apps.
   */
  data_app?: {
    [k: string]: unknown;
  };
  storage?: {
    input?: {
      tables?: {
        /**
         * Table id.
         */
        source: string;
        /**
         * When the table was last imported, before it was read.
         */
        lastImportDate: string;
      }[];
      files?: {
        tags: {
          name: string;
          match?: 'include' | 'exclude';
        }[];
        /**
         * Highest id of the files read.
         */
        lastImportId: string;
      }[];
    };
  };
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
