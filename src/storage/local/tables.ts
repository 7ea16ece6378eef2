import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalValue, typeOf } from '../../base/column-types.ts';
import { UserError } from '../../base/errors.ts';
import type { Need, TableExport, TableInfo } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import type { Selection } from './engine/protocol.ts';
import { existingTable } from './existing-table.ts';
import { columnMetadataOf, metadataOf } from './metadata.ts';
import type { ProjectParts } from './parts.ts';
import { dataFile, readTableState, rowsOf, type TableState } from './table-state.ts';
import { claim } from './targets.ts';
import { isoTime, millisecondsOf } from './times.ts';

/** The longest value a preview shows, in characters. */
const previewCharacters = 1000;
/** The most rows it shows. */
const previewRows = 1000;

export function tableInfo(catalogue: Catalogue, id: string, url: string): TableInfo | undefined {
  return catalogue.read(() => {
    const table = readTableState(catalogue, id);
    if (table === undefined) return undefined;
    const metadata = metadataOf(catalogue, 'table', id);
    const description = metadata.findLast(({ key }) => key === 'KBC.description')?.value;
    return {
      id,
      uri: `${url}/v2/storage/tables/${id}`,
      name: id.slice(id.lastIndexOf('.') + 1),
      ...(description !== undefined && { description }),
      primaryKey: table.primaryKey,
      distributionKey: table.distributionKey,
      columns: table.columns,
      created: isoTime(table.created),
      lastChangeDate: isoTime(table.lastChange),
      lastImportDate: isoTime(table.lastImport),
      rowsCount: table.rows,
      dataSizeBytes: table.segments.reduce((bytes, segment) => bytes + segment.bytes, 0),
      metadata,
      columnMetadata: columnMetadataOf(catalogue, id),
      ...(table.types !== undefined && { types: table.types }),
    };
  });
}

/** The need to read a table. What is no table's id is in nobody's bucket. */
export function readingTable(id: string): Need {
  return { on: 'bucket', bucket: id.slice(0, Math.max(0, id.lastIndexOf('.'))), to: 'read' };
}

/** Writes the table as CSV to a path that does not exist yet. @throws UserError for an unknown table or column, or a date that is none */
export async function exportTable(
  { catalogue, folder, engine, guard }: Pick<ProjectParts, 'catalogue' | 'folder' | 'engine' | 'guard'>,
  request: TableExport,
  signal?: AbortSignal,
): Promise<{ readonly rows: number }> {
  const table = catalogue.read(() => existingTable({ catalogue, guard }, request.table));
  const selection = selectionOf(table, request);
  if (table.segments.length > 0) {
    const rows = rowsOf(table, (data) => join(folder.tables, dataFile(data)));
    return engine.call('exportCsv', { rows, selection, target: request.path }, signal);
  }
  const header = selection.columns.map((column) => `"${column}"`).join(',');
  await claim(request.path);
  await writeFile(request.path, `${header}\n`);
  return { rows: 0 };
}

/** The first rows, a thousand at most, long values cut. @throws UserError for an unknown table, or one that the token may not read */
export async function previewTable(
  { catalogue, folder, engine, guard }: Pick<ProjectParts, 'catalogue' | 'folder' | 'engine' | 'guard'>,
  id: string,
  limit: number,
): Promise<{ readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }> {
  guard.require(readingTable(id));
  const table = catalogue.read(() => existingTable({ catalogue, guard }, id));
  const { columns } = table;
  if (table.segments.length === 0) return { columns, rows: [] };
  const rows = rowsOf(table, (data) => join(folder.tables, dataFile(data)));
  const selection = { columns, limit: Math.min(limit, previewRows) };
  const preview = await engine.call('preview', { rows, selection, maxCharacters: previewCharacters });
  return { columns, rows: preview.rows };
}

function selectionOf(table: TableState, request: TableExport): Selection {
  const columns = request.columns.length === 0 ? table.columns : request.columns;
  const used = request.where === undefined ? columns : [...columns, request.where.column];
  const unknown = used.filter((column) => !table.columns.includes(column));
  if (unknown.length > 0) {
    throw new UserError(`table ${table.id} has no column ${unknown.join(', ')}`, {
      hint: `Its columns are ${table.columns.join(', ')}.`,
    });
  }
  return {
    columns,
    ...(request.where !== undefined && { where: canonicalWhere(table, request.where) }),
    ...(request.changedSince !== undefined && {
      changedSince: millisecondsOf(request.changedSince, `${table.id}, changed since`),
    }),
    ...(request.limit !== undefined && { limit: request.limit }),
  };
}

/** Values are stored as their type writes them; one that does not fit is in no row. */
function canonicalWhere(
  table: TableState,
  where: NonNullable<TableExport['where']>,
): NonNullable<TableExport['where']> {
  const type = typeOf(table.types, where.column);
  if (type === undefined) return where;
  const canonical = canonicalValue(type);
  return { ...where, values: where.values.map((value) => (value === '' ? value : (canonical(value) ?? value))) };
}
