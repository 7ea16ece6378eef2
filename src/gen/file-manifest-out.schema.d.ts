import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * What a component says about a file in out/files, in `<name>.manifest` beside it. A mapping of the file replaces it as a whole.
 */
export interface OutFileManifest {
  /**
   * Tags of the file, besides those that name its job.
   */
  tags?: string[];
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

export declare const validate: Validator;
export declare const schema: SchemaNode;
