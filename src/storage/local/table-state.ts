import { join } from 'node:path';
import type { ColumnTypes } from '../../base/column-types.ts';
import type { Catalogue } from './catalogue.ts';
import type { Rows } from './engine/protocol.ts';

/** One immutable data file of a table. */
export interface TableSegment {
  /** The file's name, without extension. */
  readonly data: string;
  readonly columns: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds; `null`: the file's last column says it for every row. */
  readonly changedAt: number | null;
  /** No key of the table is in it twice. */
  readonly isUnique: boolean;
}

/** A table as the catalogue knows it. */
export interface TableState {
  readonly id: string;
  /** Grows with every change; 0: not there yet. */
  readonly revision: number;
  readonly columns: readonly string[];
  /** `undefined`: the table is not typed. */
  readonly types: ColumnTypes | undefined;
  readonly primaryKey: readonly string[];
  readonly distributionKey: readonly string[];
  readonly rows: number;
  readonly created: number;
  readonly lastChange: number;
  /** Not before any row's time of change, and not after that of any row to come. */
  readonly lastImport: number;
  readonly segments: readonly TableSegment[];
}

export function readTableState(catalogue: Catalogue, id: string): TableState | undefined {
  const table = catalogue.one('SELECT * FROM tables WHERE id = ?', id);
  if (table === undefined) return undefined;
  const segments = catalogue.all('SELECT * FROM segments WHERE tableId = ? ORDER BY position', id);
  return {
    id,
    revision: table.revision as number,
    columns: JSON.parse(table.columns as string) as string[],
    types: table.types === null ? undefined : (JSON.parse(table.types as string) as ColumnTypes),
    primaryKey: JSON.parse(table.primaryKey as string) as string[],
    distributionKey: JSON.parse(table.distributionKey as string) as string[],
    rows: table.rowCount as number,
    created: table.created as number,
    lastChange: table.lastChange as number,
    lastImport: table.lastImport as number,
    segments: segments.map((segment) => ({
      data: segment.data as string,
      columns: JSON.parse(segment.columns as string) as string[],
      rows: segment.rowCount as number,
      bytes: segment.bytes as number,
      changedAt: segment.changedAt as number | null,
      isUnique: segment.isUnique === 1,
    })),
  };
}

/** Writes a table and its segments over what was there; data files no longer used become garbage. Inside a transaction of the caller. */
export function writeTableState(
  catalogue: Catalogue,
  state: TableState,
  { bucket, name, now }: { readonly bucket: string; readonly name: string; readonly now: number },
): void {
  catalogue.run(
    `INSERT INTO tables (id, bucket, name, columns, types, primaryKey, distributionKey, created, lastChange, lastImport, rowCount, revision)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET columns = excluded.columns, types = excluded.types, primaryKey = excluded.primaryKey, lastChange = excluded.lastChange,
     lastImport = excluded.lastImport, rowCount = excluded.rowCount, revision = excluded.revision`,
    state.id,
    bucket,
    name,
    JSON.stringify(state.columns),
    state.types === undefined ? null : JSON.stringify(state.types),
    JSON.stringify(state.primaryKey),
    JSON.stringify(state.distributionKey),
    state.created,
    state.lastChange,
    state.lastImport,
    state.rows,
    state.revision,
  );
  const before = catalogue.all('SELECT data FROM segments WHERE tableId = ?', state.id);
  catalogue.run('DELETE FROM segments WHERE tableId = ?', state.id);
  for (const [position, segment] of state.segments.entries()) {
    catalogue.run(
      'INSERT INTO segments (tableId, position, data, columns, rowCount, bytes, changedAt, isUnique) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      state.id,
      position,
      segment.data,
      JSON.stringify(segment.columns),
      segment.rows,
      segment.bytes,
      segment.changedAt,
      Number(segment.isUnique),
    );
  }
  const kept = new Set(state.segments.map(({ data }) => data));
  for (const { data } of before) if (!kept.has(data as string)) discardData(catalogue, data as string, now);
}

/** Removes a table that is there, with its metadata; its data files become garbage. Inside a transaction of the caller. */
export function dropTableState(catalogue: Catalogue, id: string, now: number): void {
  for (const { data } of catalogue.all('SELECT data FROM segments WHERE tableId = ?', id))
    discardData(catalogue, data as string, now);
  catalogue.run('DELETE FROM segments WHERE tableId = ?', id);
  catalogue.run('DELETE FROM tables WHERE id = ?', id);
  catalogue.run("DELETE FROM metadata WHERE kind IN ('table', 'column') AND object = ?", id);
}

/** For readers that still use it, it stays a while. */
function discardData(catalogue: Catalogue, data: string, now: number): void {
  const path = join('tables', dataFile(data));
  catalogue.run('INSERT OR IGNORE INTO garbage (path, since) VALUES (?, ?)', path, now);
}

/** What a table's change was prepared on; two that are equal are the same in every respect. `''`: there is no table. */
export function fingerprint(state: TableState | undefined): string {
  return state === undefined ? '' : JSON.stringify(state);
}

/** The name of a segment's file. */
export function dataFile(data: string): string {
  return `${data}.parquet`;
}

/** The table's rows for the engine; `pathOf` tells where a segment's file is. */
export function rowsOf(
  table: Pick<TableState, 'columns' | 'primaryKey' | 'segments'>,
  pathOf: (data: string) => string,
): Rows {
  return {
    columns: table.columns,
    key: table.primaryKey,
    rowCount: table.segments.reduce((count, { rows }) => count + rows, 0),
    isMerged: table.segments.length < 2 && table.segments.every(({ isUnique }) => isUnique),
    segments: table.segments.map(({ data, columns, changedAt }) => ({
      path: pathOf(data),
      columns,
      changedAt: changedAt ?? undefined,
    })),
  };
}
