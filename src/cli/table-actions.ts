import { baseTypeOf, baseTypes, type ColumnType } from '../base/column-types.ts';
import { UsageError } from '../base/errors.ts';
import { addColumn, dropColumn, dropTable, setPrimaryKey, truncateTable } from '../storage/local/alter.ts';
import { tableIds } from '../storage/local/existing-table.ts';
import { createTable, type NewColumn } from '../storage/local/make-table.ts';
import type { ProjectParts } from '../storage/local/parts.ts';
import { renameTable } from '../storage/local/rename.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';
import { tableRows, tablesHeader } from './storage-view.ts';
import { listOf } from './transfer.ts';

export interface CreateOptions {
  readonly column: readonly string[];
  readonly notNull?: string;
  readonly primaryKey?: string;
  readonly description?: string;
}

export async function create(id: string, options: CreateOptions, session: Session): Promise<void> {
  const { column, notNull, primaryKey, description } = options;
  const required = listOf(notNull ?? '');
  const columns = column.map((text) => columnOf(text, (name) => !required.includes(name)));
  const unknown = required.filter((name) => !columns.some((one) => one.name === name));
  if (unknown.length > 0) throw new UsageError(`--not-null names no column: ${unknown.join(', ')}`);
  const table = {
    id,
    columns,
    primaryKey: listOf(primaryKey ?? ''),
    ...(description !== undefined && { description }),
  };
  await change(id, `made table ${shown(id)}`, session, async (parts) => createTable(parts, table));
}

export async function list(bucket: string | undefined, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const tables = await Promise.all(tableIds(storage.partsFor(), bucket).map((id) => storage.table(id)));
    const found = tables.flatMap((table) => table ?? []);
    if (json) return printJson({ type: 'result', tables: found });
    if (found.length === 0) return print('No tables. Make one with `componentd storage table create`, or load one.');
    printTable(tablesHeader, tableRows(found));
  });
}

export async function setKey(id: string, columns: string | undefined, session: Session): Promise<void> {
  const key = listOf(columns ?? '');
  const told =
    key.length === 0
      ? `removed the primary key of ${shown(id)}`
      : `${shown(id)} has the primary key ${shown(key.join(', '))}`;
  await change(id, told, session, (parts) => setPrimaryKey(parts, id, key));
}

export async function add(
  id: string,
  { column, isNullable }: { readonly column: string; readonly isNullable: boolean },
  session: Session,
): Promise<void> {
  const added = columnOf(column, () => isNullable);
  await change(id, `added the column ${shown(added.name)}`, session, (parts) => addColumn(parts, id, added));
}

export async function drop(
  { id, column }: { readonly id: string; readonly column: string },
  isForced: boolean,
  session: Session,
): Promise<void> {
  const told = `removed the column ${shown(column)}`;
  await change(id, told, session, (parts) => dropColumn(parts, { id, column }, { isForced }));
}

export async function truncate(id: string, isForced: boolean, session: Session): Promise<void> {
  await change(id, `removed all rows of ${shown(id)}`, session, (parts) => truncateTable(parts, id, { isForced }));
}

export async function remove(id: string, isForced: boolean, session: Session): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    dropTable(storage.partsFor(), id, { isForced });
    if (session.json) printJson({ type: 'result', removedTable: id });
    else print(`removed table ${shown(id)}`);
  });
}

export async function rename(id: string, to: string, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const namedBy = renameTable(storage.partsFor(), id, to);
    if (json) return printJson({ type: 'result', table: await storage.table(to), namedBy });
    print(`renamed table ${shown(id)} to ${shown(to)}`);
    for (const { component, id: named } of namedBy)
      print(`  warning: configuration ${shown(named)} of ${shown(component)} still names ${shown(id)}`);
  });
}

/** Changes a table, and prints what it is now. */
async function change(
  id: string,
  told: string,
  { config, json }: Session,
  work: (parts: ProjectParts) => Promise<void>,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    await work(storage.partsFor());
    if (!json) return print(told);
    const mayRead =
      storage.refusal({ on: 'bucket', bucket: id.slice(0, id.lastIndexOf('.')), to: 'read' }) === undefined;
    printJson({ type: 'result', table: mayRead ? await storage.table(id) : { id } });
  });
}

/** `name`, `name:TYPE` or `name:TYPE(length)`. @throws UsageError */
function columnOf(text: string, isNullable: (name: string) => boolean): NewColumn {
  const [, name = '', type, length] = /^([^:]*)(?::([A-Za-z]+)(?:\(([^()]*)\))?)?$/.exec(text) ?? [];
  const hint = `Write NAME, NAME:TYPE or NAME:TYPE(LENGTH); the types are ${baseTypes.join(', ')}.`;
  if (name === '') throw new UsageError(`"${text}" is no column`, { hint });
  const nullable = isNullable(name);
  if (type === undefined) return nullable ? { name } : { name, type: { base: 'STRING', nullable } };
  const base = baseTypeOf(type);
  if (base === undefined) throw new UsageError(`"${type}" is no type of a column`, { hint });
  const whole: ColumnType = { base, nullable, ...(length !== undefined && { length }) };
  return { name, type: whole };
}
