import { join } from 'node:path';
import { isSameType, typeOf, typeText } from '../../base/column-types.ts';
import { InfrastructureError } from '../../base/errors.ts';
import type { StagedTable } from '../../job/storage.ts';
import { segmentsToCompact } from './compaction.ts';
import type { Engine } from './engine/client.ts';
import { newDataName, tableHandle } from './staging.ts';
import { dataFile, rowsOf, type TableSegment, type TableState } from './table-state.ts';
import { requiredColumns, typesAfter, typesOf, typingComplaints, typingWarnings } from './typing.ts';

/** Where data files are while a commit is prepared. */
export interface LoadContext {
  readonly engine: Engine;
  /** Where new data files are written. */
  readonly directory: string;
  /** Where a data file is now. */
  readonly pathOf: (data: string) => string;
  readonly now: number;
}

export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly table: TableState; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly message: string };

function isAmong(column: string, columns: readonly string[]): boolean {
  return columns.some((known) => known.toLowerCase() === column.toLowerCase());
}

/**
 * The table after the load. Nothing is visible to anybody yet: merged rows go to new files.
 * A full load replaces all rows, an incremental one adds a segment; columns are only ever added.
 */
export async function applyLoad(before: TableState, staged: StagedTable, context: LoadContext): Promise<LoadOutcome> {
  const { load } = staged;
  const absent = load.primaryKey.filter((column) => !staged.columns.includes(column));
  if (absent.length > 0) {
    const columns = `the columns are ${staged.columns.join(', ')}`;
    return {
      kind: 'refused',
      message: `${load.destination}: no column for primary key ${absent.join(', ')}; ${columns}`,
    };
  }
  const recased = staged.columns.filter(
    (column) => !before.columns.includes(column) && isAmong(column, before.columns),
  );
  if (recased.length > 0) {
    const message = `${load.destination}: the table has the column ${recased.join(', ')} in other letter case`;
    return { kind: 'refused', message };
  }
  const isNew = before.revision === 0;
  const keepsRows = load.incremental && before.rows > 0;
  const typed = typedColumns(before, staged, { isNew, keepsRows });
  if (typed.complaints.length > 0) {
    return { kind: 'refused', message: typed.complaints.map((text) => `${load.destination}: ${text}`).join('; ') };
  }
  const kept = keepsRows
    ? await rekeyed(before, load.primaryKey, context)
    : { ...before, segments: [], rows: 0, primaryKey: load.primaryKey };
  const isKeyWanted = isSameKey(kept.primaryKey, load.primaryKey);
  if (!isKeyWanted && Object.keys(load.typing?.types ?? {}).length > 0)
    return { kind: 'refused', message: keyWarnings(before, load.primaryKey, kept.primaryKey).join('; ') };
  const warnings = [...(isNew ? [] : keyWarnings(before, load.primaryKey, kept.primaryKey)), ...typed.warnings];
  const changedAt = Math.max(context.now, before.lastImport);
  const added = await newSegment(staged, { key: kept.primaryKey, changedAt }, context);
  const table: TableState = {
    ...kept,
    columns: [...before.columns, ...staged.columns.filter((column) => !before.columns.includes(column))],
    types: typed.types,
    distributionKey: isNew ? load.distributionKey : before.distributionKey,
    segments: added === undefined ? kept.segments : [...kept.segments, added],
    revision: before.revision + 1,
    created: isNew ? context.now : before.created,
    lastChange: secondAfter(changedAt),
    lastImport: secondAfter(changedAt),
  };
  const rows = await countRows(table, context);
  return { kind: 'loaded', table: await compacted({ ...table, rows }, context), warnings };
}

/** The table's types after the load, and whether what was staged has them. */
function typedColumns(
  before: TableState,
  staged: StagedTable,
  { isNew, keepsRows }: { readonly isNew: boolean; readonly keepsRows: boolean },
) {
  const { typing } = staged.load;
  const target = { columns: before.columns, types: before.types, isNew };
  const types = typesOf(typesAfter(target, typing), [...before.columns, ...staged.columns]);
  const checked = tableHandle(staged).types;
  const changed = staged.columns.filter((column) => !isSameType(typeOf(types, column), typeOf(checked, column)));
  const required = requiredColumns(types);
  const absent = staged.rows === 0 ? [] : required.filter((column) => !staged.columns.includes(column));
  const added = keepsRows ? required.filter((column) => !before.columns.includes(column)) : [];
  return {
    types: typesAfter(target, typing) === undefined ? undefined : types,
    warnings: typingWarnings(target, typing).map((text) => `${before.id}: ${text}`),
    complaints: [
      ...typingComplaints(target, typing),
      ...changed.map(
        (column) =>
          `the column "${column}" is ${typeText(typeOf(types, column))} since another load; run this one again`,
      ),
      ...absent.map(
        (column) => `the column "${column}" is ${typeText(typeOf(types, column))} and the load does not have it`,
      ),
      ...added.map(
        (column) =>
          `the new column "${column}" is ${typeText(typeOf(types, column))}, and the table has rows without it`,
      ),
    ],
  };
}

/** The next full second: what is written in seconds is still later than every row of this load. */
function secondAfter(milliseconds: number): number {
  return (Math.floor(milliseconds / 1000) + 1) * 1000;
}

export function isSameKey(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((column) => other.includes(column));
}

function keyText(key: readonly string[]): string {
  return key.length === 0 ? 'none' : key.join(', ');
}

function keyWarnings(before: TableState, wanted: readonly string[], now: readonly string[]): readonly string[] {
  if (isSameKey(before.primaryKey, wanted)) return [];
  const change = `from ${keyText(before.primaryKey)} to ${keyText(wanted)}`;
  if (isSameKey(now, wanted)) return [`${before.id}: the primary key is changed ${change}`];
  return [`${before.id}: the primary key cannot be changed ${change}, the rows there are not unique`];
}

/** The table with its rows merged under the old key and the wanted key in force; unchanged when the rows are not unique under it. */
export async function rekeyed(table: TableState, wanted: readonly string[], context: LoadContext): Promise<TableState> {
  if (isSameKey(table.primaryKey, wanted)) return table;
  const isMerged = rowsOf(table, context.pathOf).isMerged;
  const merged = isMerged || table.primaryKey.length === 0 ? table : await mergedInto(table, 0, context);
  if (wanted.length === 0) return { ...merged, primaryKey: wanted };
  const columns = [...table.columns, ...wanted.filter((column) => !table.columns.includes(column))];
  const rows = rowsOf({ columns, primaryKey: wanted, segments: merged.segments }, context.pathOf);
  const count = await context.engine.call('count', { rows });
  if (count.rows !== table.rows) return table;
  return {
    ...merged,
    primaryKey: wanted,
    segments: merged.segments.map((segment) => ({ ...segment, isUnique: true })),
  };
}

async function newSegment(
  staged: StagedTable,
  { key, changedAt }: { readonly key: readonly string[]; readonly changedAt: number },
  context: LoadContext,
): Promise<TableSegment | undefined> {
  const { data, bytes, isUnique } = tableHandle(staged);
  if (data === undefined) return undefined;
  const { columns, rows } = staged;
  const segment: TableSegment = { data, columns, rows, bytes, changedAt, isUnique: true };
  if (key.length === 0) return segment;
  if (isSameKey(key, staged.load.primaryKey) && isUnique !== undefined) return { ...segment, isUnique };
  const alone = rowsOf({ columns, primaryKey: key, segments: [segment] }, context.pathOf);
  return { ...segment, isUnique: (await context.engine.call('count', { rows: alone })).rows === rows };
}

async function countRows(table: TableState, { engine, pathOf }: LoadContext): Promise<number> {
  const rows = rowsOf(table, pathOf);
  if (rows.key.length === 0 || rows.isMerged) {
    return table.segments.reduce((rows, segment) => rows + segment.rows, 0);
  }
  return (await engine.call('count', { rows })).rows;
}

async function compacted(table: TableState, context: LoadContext): Promise<TableState> {
  const from = segmentsToCompact(table.segments.map(({ rows }) => rows));
  return from === undefined ? table : mergedInto(table, from, context);
}

/** The table with its segments from position `from` on merged into one. */
async function mergedInto(table: TableState, from: number, context: LoadContext): Promise<TableState> {
  const data = newDataName();
  const tail = table.segments.slice(from);
  const target = join(context.directory, dataFile(data));
  const rows = rowsOf({ ...table, segments: tail }, context.pathOf);
  const merged = await context.engine.call('merge', { rows, target });
  if (merged.rows > tail.reduce((sum, segment) => sum + segment.rows, 0)) {
    throw new InfrastructureError(`${table.id}: merging its data made more rows than there were`);
  }
  return {
    ...table,
    segments: [
      ...table.segments.slice(0, from),
      { data, columns: table.columns, changedAt: null, isUnique: true, ...merged },
    ],
  };
}
