import type { Problem } from '../base/errors.ts';
import type { NormalConfiguration } from './configuration.ts';
import type { ComponentDefinition } from './definition.ts';
import { defaultBucketOf } from './destination.ts';
import type { Need, Storage } from './storage.ts';

/** What a row writes to, as far as it is known before it runs. */
export interface Writing {
  readonly configuration: NormalConfiguration;
  readonly component: ComponentDefinition;
  /** Id of the configuration; absent when it is given inline. */
  readonly config?: string;
  /** True when the state is saved. */
  readonly keepsState: boolean;
  /** Names the document in problems. */
  readonly source: string;
}

/**
 * Rights that the job's token lacks for what the output mapping names, the default bucket and the state. The load asks again: what a manifest
 * or a file's name says is known only then, and a token may be revoked meanwhile.
 */
export function missingRights(writing: Writing, storage: Pick<Storage, 'refusal'>): readonly Problem[] {
  const { configuration, component, keepsState, source } = writing;
  const isTaken = component.staging.input !== 'none';
  const needs: { readonly path?: string; readonly need: Need }[] = [];
  const bucket = isTaken ? defaultBucket(writing) : undefined;
  if (bucket !== undefined) {
    needs.push({ path: 'container.storage.output.default_bucket', need: { on: 'bucket', bucket, to: 'write' } });
  }
  for (const [index, { destination }] of (isTaken ? configuration.output.tables : []).entries()) {
    const target = bucketOf(destination ?? '');
    if (target === undefined) continue;
    const path = `container.storage.output.tables.${index}.destination`;
    needs.push({ path, need: { on: 'bucket', bucket: target, to: 'write' } });
  }
  if (keepsState) needs.push({ need: { on: 'configurations', to: 'run' } });
  return needs.flatMap(({ path, need }) => {
    const refusal = storage.refusal(need);
    return refusal === undefined
      ? []
      : [{ source, ...(path !== undefined && { path }), message: refusal.message, hint: refusal.hint }];
  });
}

/** The bucket of a table id; `undefined` when it is none. */
export function bucketOf(table: string): string | undefined {
  return /^([^.]+\.[^.]+)\.[^.]+$/.exec(table)?.[1];
}

function defaultBucket({ configuration, component, config }: Writing): string | undefined {
  const wished = configuration.output.defaultBucket;
  // Without either, planning complains.
  if (!wished && config === undefined) return undefined;
  return defaultBucketOf({
    definition: component,
    ...(wished !== undefined && { wished }),
    ...(config !== undefined && { configId: config }),
  });
}
