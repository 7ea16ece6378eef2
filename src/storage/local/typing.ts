import { type ColumnType, type ColumnTypes, isSameType, typeOf, typeText } from '../../base/column-types.ts';
import type { LoadTyping } from '../../job/storage.ts';

/** What decides which types a load's columns have. */
export interface TypedTarget {
  /** As the table has them; a table that is not there yet has none. */
  readonly columns: readonly string[];
  /** `undefined`: the table is not typed. */
  readonly types: ColumnTypes | undefined;
  readonly isNew: boolean;
}

/** The table's types after a load with these: the table's own, and those of the columns that it does not have yet. `undefined`: not typed. */
export function typesAfter(table: TypedTarget, typing: LoadTyping | undefined): ColumnTypes | undefined {
  const brought = typing?.types ?? {};
  if (table.isNew) return Object.keys(brought).length === 0 ? undefined : brought;
  if (table.types === undefined) return undefined;
  return { ...table.types, ...pick(brought, (column) => !table.columns.includes(column)) };
}

/** Types of these columns only. */
export function typesOf(types: ColumnTypes | undefined, columns: readonly string[]): ColumnTypes {
  return pick(types ?? {}, (column) => columns.includes(column));
}

/** Why a load with such types is refused: an author who says that his types count must be right. */
export function typingComplaints(table: TypedTarget, typing: LoadTyping | undefined): readonly string[] {
  if (typing === undefined || !typing.isAuthoritative || table.isNew) return [];
  if (table.types === undefined) return ['the table is not typed, and the schema must match it'];
  return differing(table, typing).map(
    ({ column, type }) =>
      `the column "${column}" is ${typeText(typeOf(table.types, column))} in the table and ${typeText(type)} in the schema`,
  );
}

/** What to tell about types that are not in force. */
export function typingWarnings(table: TypedTarget, typing: LoadTyping | undefined): readonly string[] {
  if (typing === undefined || typing.isAuthoritative || table.isNew) return [];
  const columns = differing(table, typing).map(({ column }) => column);
  if (columns.length === 0) return [];
  if (table.types === undefined) return [`the table is not typed, its values stay text: ${columns.join(', ')}`];
  return [`the table keeps its own types of ${columns.join(', ')}`];
}

/** Columns without which no row can be: they take no empty value. */
export function requiredColumns(types: ColumnTypes | undefined): readonly string[] {
  return Object.entries(types ?? {}).flatMap(([column, { base, nullable }]) =>
    nullable || base === 'STRING' ? [] : [column],
  );
}

function differing(
  table: TypedTarget,
  { types }: LoadTyping,
): readonly { readonly column: string; readonly type: ColumnType }[] {
  return Object.entries(types)
    .filter(([column, type]) => table.columns.includes(column) && !isSameType(typeOf(table.types, column), type))
    .map(([column, type]) => ({ column, type }));
}

function pick(types: ColumnTypes, isWanted: (column: string) => boolean): ColumnTypes {
  return Object.fromEntries(Object.entries(types).filter(([column]) => isWanted(column)));
}
