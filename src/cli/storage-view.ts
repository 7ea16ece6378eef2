import { typeOf, typeText } from '../base/column-types.ts';
import { counted } from '../base/counted.ts';
import { UsageError } from '../base/errors.ts';
import type { FileInfo, StoredMetadata, TableInfo } from '../job/storage.ts';
import { formatBytes, truncate } from '../sinks/format.ts';
import { listBuckets } from '../storage/local/buckets.ts';
import { noTable, tableIds } from '../storage/local/existing-table.ts';
import { previewTable } from '../storage/local/tables.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

const filesShown = 100;

/** Buckets and tables, then the newest files. */
export async function listAll({ config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const parts = storage.partsFor();
    const tables = await Promise.all(tableIds(parts).map((id) => storage.table(id)));
    const found = tables.filter((table) => table !== undefined);
    const files = await storage.findFiles({ limit: filesShown });
    if (json) return printJson({ type: 'result', buckets: listBuckets(parts), tables: found, files });
    if (found.length === 0) print('No tables. Load one with `componentd storage import`.');
    else {
      printTable(tablesHeader, tableRows(found));
    }
    if (files.length === 0) return;
    print('');
    printFiles(files);
  });
}

/** For a list of tables. */
export const tablesHeader = ['TABLE', 'ROWS', 'SIZE', 'COLUMNS', 'LAST IMPORT'];

/** A list of tables, below `tablesHeader`. */
export function tableRows(tables: readonly TableInfo[]): readonly (readonly string[])[] {
  return tables.map((table) => [
    table.id,
    String(table.rowsCount),
    formatBytes(table.dataSizeBytes),
    String(table.columns.length),
    table.lastImportDate,
  ]);
}

/** A list of files. */
export function printFiles(files: readonly FileInfo[]): void {
  printTable(
    ['FILE', 'NAME', 'SIZE', 'TAGS'],
    files.map((file) => [String(file.id), file.name, formatBytes(file.sizeBytes), file.tags.join(', ')]),
  );
}

/** Metadata, one entry a line; nothing when there is none. */
export function printMetadata(entries: readonly StoredMetadata[], about = ''): void {
  for (const { key, value, provider } of entries)
    print(`${about}${shown(key)} = ${oneLine(value)} (${shown(provider)})`);
}

/** What a table is, and its first rows. */
export async function showTable(id: string, rowsText: string, { config, json }: Session): Promise<void> {
  if (!/^\d{1,6}$/.test(rowsText)) throw new UsageError(`--rows needs a whole number, not "${rowsText}"`);
  await withProject(config, async ({ storage }) => {
    const table = await storage.table(id);
    if (table === undefined) throw noTable(storage.partsFor(), id);
    const { columns, rows } = await previewTable(storage.partsFor(), id, Number(rowsText));
    if (json) return printJson({ type: 'result', table, preview: rows });
    print(
      `${shown(table.id)}: ${counted(table.rowsCount, 'row')}, ${formatBytes(table.dataSizeBytes)}, last import ${table.lastImportDate}`,
    );
    if (table.primaryKey.length > 0) print(`primary key: ${shown(table.primaryKey.join(', '))}`);
    if (table.types !== undefined) {
      const types = table.columns.map((column) => `${column} ${typeText(typeOf(table.types, column))}`);
      print(`types: ${shown(types.join(', '))}`);
    }
    printMetadata(table.metadata);
    for (const [column, entries] of Object.entries(table.columnMetadata)) printMetadata(entries, `${shown(column)}: `);
    print('');
    printTable(
      columns,
      rows.map((row) => row.map(oneLine)),
    );
  });
}

/** A value on one line of a table. */
function oneLine(value: string): string {
  return truncate(JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"'), 40);
}
