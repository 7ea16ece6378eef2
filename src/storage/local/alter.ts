import { join } from 'node:path';
import { typeText } from '../../base/column-types.ts';
import { InfrastructureError, throwProblems, UserError } from '../../base/errors.ts';
import { privateDirectory } from '../../base/files.ts';
import { removeReplaced } from './collect.ts';
import { existingTable } from './existing-table.ts';
import { newImportId } from './import-id.ts';
import { isSameKey, type LoadContext, rekeyed } from './loads.ts';
import { type NewColumn, newColumnProblems, typesIn } from './make-table.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { dataPath, moveIn } from './placement.ts';
import { discardStaged, stagedDirectory } from './staging.ts';
import {
  dataFile,
  dropTableState,
  fingerprint,
  readTableState,
  type TableState,
  writeTableState,
} from './table-state.ts';
import { requiredColumns } from './typing.ts';

/** Removes a table; with `isForced` also one that has rows. @throws UserError */
export function dropTable(
  { catalogue, guard }: ProjectParts,
  id: string,
  { isForced }: { readonly isForced: boolean },
): void {
  catalogue.write(() => {
    guard.require({ on: 'bucket', bucket: tableName(id).bucket, to: 'write' });
    refuseLoss(existingTable({ catalogue, guard }, id), isForced);
    dropTableState(catalogue, id, Date.now());
  });
}

/** Removes all rows. @throws UserError */
export function truncateTable(
  parts: ProjectParts,
  id: string,
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  return alterTable(parts, id, (table) => {
    refuseLoss(table, isForced);
    return { ...table, rows: 0, segments: [] };
  });
}

/** Replaces the primary key; an empty one removes it. @throws UserError when the rows are not unique under it */
export function setPrimaryKey(parts: ProjectParts, id: string, key: readonly string[]): Promise<void> {
  return alterTable(parts, id, async (table, context) => {
    for (const column of key) assertColumn(table, column);
    if (new Set(key).size < key.length) throw new UserError(`${id}: a column is in the key twice`);
    const changed = await rekeyed(table, key, context);
    if (isSameKey(changed.primaryKey, key)) return changed;
    throw new UserError(`${id}: the rows there are not unique under the primary key ${key.join(', ')}`, {
      hint: 'Name more columns, or remove the rows that are there twice.',
    });
  });
}

/** Adds an empty column. @throws UserError when it is there, or cannot be empty and there are rows */
export function addColumn(parts: ProjectParts, id: string, column: NewColumn): Promise<void> {
  return alterTable(parts, id, (table) => {
    const types = typesIn([column]);
    const all = [...table.columns.map((name) => ({ name })), column];
    throwProblems(`The column cannot be added to ${id}`, [
      ...newColumnProblems(all),
      ...(column.type !== undefined && table.types === undefined ? [{ message: 'the table is not typed' }] : []),
      ...(table.rows > 0 ? requiredColumns(types) : []).map((name) => ({
        message: `"${name}" is ${typeText(column.type)}, and the table has rows without it`,
      })),
    ]);
    return {
      ...table,
      columns: [...table.columns, column.name],
      types: table.types === undefined ? undefined : { ...table.types, ...types },
    };
  });
}

/** Removes a column with its values and metadata. @throws UserError for a column of the primary key, or the last one */
export async function dropColumn(
  parts: ProjectParts,
  { id, column }: { readonly id: string; readonly column: string },
  { isForced }: { readonly isForced: boolean },
): Promise<void> {
  await alterTable(parts, id, (table) => {
    assertColumn(table, column);
    const hint = { hint: 'Change the primary key first.' };
    if (table.primaryKey.includes(column)) throw new UserError(`${id}: ${column} is in the primary key`, hint);
    if (table.columns.length === 1) throw new UserError(`${id}: ${column} is its only column`);
    refuseLoss(table, isForced);
    const { [column]: _, ...types } = table.types ?? {};
    return {
      ...table,
      columns: table.columns.filter((name) => name !== column),
      types: table.types === undefined ? undefined : types,
      distributionKey: table.distributionKey.filter((name) => name !== column),
      // The data stays where it is, under a name that no column has.
      segments: table.segments.map((segment) => ({
        ...segment,
        columns: segment.columns.map((name) => (name === column ? '' : name)),
      })),
    };
  });
}

/** Another process may change the table meanwhile; then it is changed again, so often at most. */
const attempts = 20;

/** Changes a table that is there, in one transaction; what is merged for it is durable before. */
async function alterTable(
  { catalogue, folder, engine, guard }: ProjectParts,
  id: string,
  change: (table: TableState, context: LoadContext) => TableState | Promise<TableState>,
): Promise<void> {
  const { bucket, name } = tableName(id);
  const commitId = newImportId();
  const directory = await privateDirectory(stagedDirectory(folder, commitId));
  const stagedPath = (file: string): string => join(directory, file);
  const pathOf = (data: string): string => dataPath(folder, stagedPath, data);
  try {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      guard.require({ on: 'bucket', bucket, to: 'write' });
      const before = catalogue.read(() => existingTable({ catalogue, guard }, id));
      const now = Date.now();
      const changed = await change(before, { engine, directory, pathOf, now });
      const after = { ...changed, revision: before.revision + 1, lastChange: Math.max(now, before.lastChange) };
      const isDone = catalogue.write(() => {
        guard.require({ on: 'bucket', bucket, to: 'write' });
        if (fingerprint(readTableState(catalogue, id)) !== fingerprint(before)) return false;
        const data = after.segments.map((segment) => dataFile(segment.data));
        moveIn(stagedPath, folder.tables, data);
        writeTableState(catalogue, after, { bucket, name, now });
        for (const column of before.columns.filter((known) => !after.columns.includes(known)))
          catalogue.run("DELETE FROM metadata WHERE kind = 'column' AND object = ? AND columnName = ?", id, column);
        return true;
      });
      if (isDone) return await removeReplaced(catalogue, folder);
    }
  } finally {
    await discardStaged(folder, commitId);
  }
  throw new InfrastructureError(`others keep changing the table ${id}`);
}

function assertColumn(table: TableState, column: string): void {
  if (table.columns.includes(column)) return;
  throw new UserError(`table ${table.id} has no column ${column}`, {
    hint: `Its columns are ${table.columns.join(', ')}.`,
  });
}

function refuseLoss(table: TableState, isForced: boolean): void {
  if (isForced || table.rows === 0) return;
  throw new UserError(`the table ${table.id} is not empty (rows: ${table.rows}), and data would be lost`, {
    hint: 'Export it first, or say --force.',
  });
}
