import { counted } from '../base/counted.ts';
import { listBuckets } from '../storage/local/buckets.ts';
import { tableIds } from '../storage/local/existing-table.ts';
import { bucketInfo, makeBucket, removeBucket } from '../storage/local/manage-buckets.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';
import { printMetadata, tableRows, tablesHeader } from './storage-view.ts';

export async function create(id: string, description: string | undefined, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    makeBucket(storage.partsFor(), id, { description });
    if (json) printJson({ type: 'result', bucket: id });
    else print(`made bucket ${shown(id)}`);
  });
}

export async function list({ config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const parts = storage.partsFor();
    const buckets = listBuckets(parts);
    const described = buckets.map((bucket) => {
      const description = bucket.metadata.findLast(({ key }) => key === 'KBC.description')?.value ?? '';
      return { ...bucket, description, tables: tableIds(parts, bucket.id).length };
    });
    if (json) return printJson({ type: 'result', buckets: described });
    if (buckets.length === 0) return print('No buckets. Make one with `componentd storage bucket create`.');
    printTable(
      ['BUCKET', 'TABLES', 'CREATED', 'DESCRIPTION'],
      described.map(({ id, tables, created, description }) => [id, String(tables), created, description]),
    );
  });
}

export async function show(id: string, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const parts = storage.partsFor();
    const bucket = bucketInfo(parts, id);
    const tables = (await Promise.all(tableIds(parts, id).map((table) => storage.table(table)))).flatMap(
      (table) => table ?? [],
    );
    if (json) return printJson({ type: 'result', bucket, tables });
    print(`${shown(id)}, made ${bucket.created}`);
    printMetadata(bucket.metadata);
    if (tables.length === 0) return print('It has no tables.');
    print('');
    printTable(tablesHeader, tableRows(tables));
  });
}

export async function remove(id: string, isForced: boolean, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const tables = removeBucket(storage.partsFor(), id, { isForced });
    if (json) printJson({ type: 'result', bucket: id, removedTables: tables });
    else print(`removed bucket ${shown(id)}${tables.length === 0 ? '' : ` with ${counted(tables.length, 'table')}`}`);
  });
}
