import type { MetadataEntry, StoredMetadata, TableLoad } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import { metadataOf, setMetadata } from './metadata.ts';
import type { ProjectParts } from './parts.ts';
import { isoTime } from './times.ts';

/** Who made a change. */
export type Origin = TableLoad['origin'];

export interface BucketInfo {
  /** `in.c-shop` */
  readonly id: string;
  readonly stage: string;
  /** `c-shop` */
  readonly name: string;
  readonly created: string;
  readonly metadata: readonly StoredMetadata[];
}

/** Makes the bucket unless it is there, with metadata that says who did. Inside a transaction of the caller. */
export function createBucket(
  catalogue: Catalogue,
  id: string,
  { origin, now }: { readonly origin: Origin; readonly now: number },
): void {
  const dot = id.indexOf('.');
  const sql = 'INSERT OR IGNORE INTO buckets (id, stage, name, created) VALUES (?, ?, ?, ?)';
  const { changes } = catalogue.run(sql, id, id.slice(0, dot), id.slice(dot + 1), now);
  if (changes === 0) return;
  const entries = originMetadata(origin, 'KBC.createdBy');
  setMetadata(catalogue, { kind: 'bucket', id }, { provider: 'system', entries, now });
}

/** Buckets by id; those that the token may not read are left out. */
export function listBuckets({ catalogue, guard }: Pick<ProjectParts, 'catalogue' | 'guard'>): readonly BucketInfo[] {
  const may = guard.viewer();
  const rows = catalogue.all('SELECT * FROM buckets ORDER BY id');
  const seen = rows.filter(({ id }) => may({ on: 'bucket', bucket: id as string, to: 'read' }));
  return seen.map((row) => ({
    id: row.id as string,
    stage: row.stage as string,
    name: row.name as string,
    created: isoTime(row.created as number),
    metadata: metadataOf(catalogue, 'bucket', row.id as string),
  }));
}

/** `KBC.createdBy.component.id` and so on, for the parts that are known. */
export function originMetadata(
  origin: Origin,
  prefix: 'KBC.createdBy' | 'KBC.lastUpdatedBy',
): readonly MetadataEntry[] {
  return (['component', 'configuration', 'configurationRow'] as const).flatMap((part) => {
    const value = origin[part];
    return value === undefined ? [] : [{ key: `${prefix}.${part}.id`, value }];
  });
}
