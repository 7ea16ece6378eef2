import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * What a component finds in /data/config.json (or config.yml). Values below `#` keys are plain here.
 */
export interface ConfigFile {
  /**
   * From the configuration, or from the processor's entry.
   */
  parameters: {
    [k: string]: unknown;
  };
  /**
   * From the definition of the component that runs.
   */
  image_parameters: {
    [k: string]: unknown;
  };
  /**
   * `run`.
   */
  action: string;
  /**
   * The input and output mapping with its defaults filled in; empty for a processor.
   */
  storage: {};
  authorization: {
    app_proxy?: {};
    context?: string;
  };
  shared_code_row_ids: unknown[];
  shared_code_id?: unknown;
  variables_id?: unknown;
  variables_values_id?: unknown;
  artifacts?: {};
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
