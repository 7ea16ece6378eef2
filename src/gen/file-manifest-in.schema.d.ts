import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * What a component finds beside a file in in/files, in `<id>_<name>.manifest`.
 */
export interface InFileManifest {
  /**
   * File id in Storage.
   */
  id: number;
  name: string;
  created: string;
  is_public: boolean;
  is_encrypted: boolean;
  is_sliced: boolean;
  tags: string[];
  /**
   * Null for a permanent file.
   */
  max_age_days: number | null;
  size_bytes: number;
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
