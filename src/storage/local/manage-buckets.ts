import { UserError } from '../../base/errors.ts';
import type { Need } from '../../job/storage.ts';
import { type BucketInfo, createBucket, listBuckets } from './buckets.ts';
import { setMetadata } from './metadata.ts';
import type { ProjectParts } from './parts.ts';
import { dropTableState } from './table-state.ts';

const idPattern = /^(in|out)\.c-[A-Za-z0-9][A-Za-z0-9_-]{0,93}$/;

/** Makes an empty bucket. @throws UserError when it is there, or is no bucket's id */
export function makeBucket(
  { catalogue, guard }: ProjectParts,
  id: string,
  { description }: { readonly description?: string | undefined } = {},
): void {
  if (!idPattern.test(id)) {
    throw new UserError(`${JSON.stringify(id)} is not a bucket id`, {
      hint: 'A bucket id reads like in.c-shop or out.c-shop.',
    });
  }
  catalogue.write(() => {
    guard.require(writing(id));
    if (catalogue.one('SELECT 1 FROM buckets WHERE id = ?', id) !== undefined)
      throw new UserError(`there is a bucket ${id} already`, { hint: 'Name another one.' });
    const now = Date.now();
    const origin = { component: undefined, configuration: undefined, configurationRow: undefined };
    createBucket(catalogue, id, { origin, now });
    const entries = description === undefined ? [] : [{ key: 'KBC.description', value: description }];
    setMetadata(catalogue, { kind: 'bucket', id }, { provider: 'user', entries, now });
  });
}

/** @throws UserError when there is none, or the token may not read it */
export function bucketInfo(parts: ProjectParts, id: string): BucketInfo {
  parts.guard.require({ on: 'bucket', bucket: id, to: 'read' });
  const found = listBuckets(parts).find((bucket) => bucket.id === id);
  if (found !== undefined) return found;
  throw noBucket(id);
}

/** Removes a bucket; with `isForced` with its tables. Answers which tables went with it. @throws UserError */
export function removeBucket(
  { catalogue, guard }: ProjectParts,
  id: string,
  { isForced }: { readonly isForced: boolean },
): readonly string[] {
  return catalogue.write(() => {
    guard.require(writing(id));
    if (catalogue.one('SELECT 1 FROM buckets WHERE id = ?', id) === undefined) throw noBucket(id);
    const tables = catalogue
      .all('SELECT id FROM tables WHERE bucket = ? ORDER BY id', id)
      .map((row) => row.id as string);
    if (tables.length > 0 && !isForced) {
      const some = `${tables.slice(0, 5).join(', ')}${tables.length > 5 ? ', …' : ''}`;
      throw new UserError(`the bucket ${id} is not empty: ${some}`, {
        hint: 'Remove its tables first, or say --force.',
      });
    }
    for (const table of tables) dropTableState(catalogue, table, Date.now());
    catalogue.run("DELETE FROM metadata WHERE kind = 'bucket' AND object = ?", id);
    catalogue.run('DELETE FROM buckets WHERE id = ?', id);
    return tables;
  });
}

function writing(bucket: string): Need {
  return { on: 'bucket', bucket, to: 'write' };
}

function noBucket(id: string): UserError {
  return new UserError(`there is no bucket ${id}`, { hint: 'List the buckets with `componentd storage bucket ls`.' });
}
