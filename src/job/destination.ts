import { UserError } from '../base/errors.ts';
import { type ComponentDefinition, sanitizedId } from './definition.ts';

/**
 * The bucket of output tables that name none (contract 4.6.3): the configuration's own wish, else the component's default.
 * @throws UserError when the component wants a default bucket and there is no configuration id to name it after.
 */
export function defaultBucketOf(given: {
  readonly definition: ComponentDefinition;
  /** `storage.output.default_bucket`. */
  readonly wished?: string;
  readonly configId?: string;
}): string | undefined {
  const { definition, wished, configId } = given;
  if (wished !== undefined && wished !== '') return wished;
  if (!definition.defaultBucket) return undefined;
  if (configId === undefined) {
    throw new UserError(
      `Component ${definition.id} writes to a default bucket, which is named after the configuration, and this job has none`,
      {
        hint: 'give "config", or storage.output.default_bucket',
        reason: 'default_bucket',
      },
    );
  }
  return `${definition.defaultBucketStage}.c-${sanitizedId(definition.id)}-${configId}`;
}

export type Destination =
  | { readonly id: string; readonly warning?: string }
  | { readonly complaint: string; readonly hint: string };

/** Why a mapping's destination cannot be one; it is never combined with a default bucket. */
export function destinationComplaint(
  mapping: string,
): { readonly complaint: string; readonly hint: string } | undefined {
  if (isTableId(mapping)) return undefined;
  return {
    complaint: `the destination "${mapping}" is not a table id`,
    hint: 'write it as stage.bucket.table, for example in.c-main.cities',
  };
}

/** Where an output table goes; the first that says so decides: mapping, manifest, file name. */
export function resolveDestination(given: {
  readonly source: string;
  readonly mapping?: string;
  readonly manifest?: string;
  readonly defaultBucket?: string;
}): Destination {
  const { source, mapping, manifest, defaultBucket } = given;
  if (mapping !== undefined && mapping !== '') {
    const complaint = destinationComplaint(mapping);
    return complaint === undefined ? { id: mapping } : complaint;
  }
  const fromManifest = manifest !== undefined && manifest !== '';
  const name = fromManifest ? manifest : source.replace(/\.csv$/, '');
  if (isTableId(name)) {
    if (fromManifest) return { id: name };
    return {
      id: name,
      warning: `${source}: a table id as file name is deprecated; name the destination in a manifest or in the mapping`,
    };
  }
  const id = `${defaultBucket ?? ''}.${name}`;
  if (defaultBucket !== undefined && isTableId(id)) return { id };
  return {
    complaint: `the destination of "${source}" cannot be resolved: "${name}" is not a table id${defaultBucket === undefined ? ' and there is no default bucket' : ''}`,
    hint: 'name the destination as stage.bucket.table in the mapping or in the manifest',
  };
}

function isTableId(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 3 && parts.every((part) => part !== '');
}
