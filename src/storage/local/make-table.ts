import { columnProblems, sanitizeColumn } from '../../base/column-names.ts';
import { type ColumnType, type ColumnTypes, lengthComplaint } from '../../base/column-types.ts';
import { type Problem, throwProblems, UserError } from '../../base/errors.ts';
import { createBucket } from './buckets.ts';
import { newTable } from './commit.ts';
import { setMetadata } from './metadata.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { readTableState, writeTableState } from './table-state.ts';

/** A column of a table to be. */
export interface NewColumn {
  readonly name: string;
  /** Absent: text. A table with one type is typed. */
  readonly type?: ColumnType;
}

export interface NewTable {
  readonly id: string;
  readonly columns: readonly NewColumn[];
  readonly primaryKey: readonly string[];
  readonly description?: string;
}

/** Makes an empty table, and its bucket unless it is there. @throws UserError when it is there, or wrong, with every problem */
export function createTable({ catalogue, guard }: ProjectParts, table: NewTable): void {
  const { id, columns, primaryKey, description } = table;
  const { bucket, name } = tableName(id);
  const names = columns.map((column) => column.name);
  throwProblems(`The table ${id} is wrong`, [
    ...(columns.length === 0 ? [{ message: 'it has no columns', hint: 'name at least one' }] : []),
    ...newColumnProblems(columns),
    ...primaryKey.filter((key) => !names.includes(key)).map((key) => ({ message: `no column for primary key ${key}` })),
  ]);
  const now = Date.now();
  catalogue.write(() => {
    guard.require({ on: 'bucket', bucket, to: 'write' });
    if (readTableState(catalogue, id) !== undefined) {
      throw new UserError(`there is a table ${id} already`, { hint: 'Name another one, or import into this one.' });
    }
    createBucket(catalogue, bucket, { origin: nobody, now });
    const types = typesIn(columns);
    const isTyped = Object.keys(types).length > 0;
    const state = { ...newTable(id, now), revision: 1, columns: names, primaryKey, types: isTyped ? types : undefined };
    writeTableState(catalogue, state, { bucket, name, now });
    if (description === undefined) return;
    const entries = [{ key: 'KBC.description', value: description }];
    setMetadata(catalogue, { kind: 'table', id }, { provider: 'user', entries, now });
  });
}

const nobody = { component: undefined, configuration: undefined, configurationRow: undefined };

/** Types by column. */
export function typesIn(columns: readonly NewColumn[]): ColumnTypes {
  return Object.fromEntries(columns.flatMap(({ name, type }) => (type === undefined ? [] : [[name, type] as const])));
}

/** What is wrong with columns. Names are not mended here: whoever names a column by hand sees at once what is wrong. */
export function newColumnProblems(columns: readonly NewColumn[]): readonly Problem[] {
  const names = columns.map(({ name }) => name);
  return [
    ...columnProblems(names, names, '').map(({ message }) => ({ message })),
    ...names
      .filter((name) => name !== '' && sanitizeColumn(name) !== name)
      .map((name) => ({
        message: `${JSON.stringify(name)} cannot name a column`,
        hint: 'use letters, digits and "_", not at the ends',
      })),
    ...columns.flatMap(({ name, type }) => {
      const complaint = type === undefined ? undefined : lengthComplaint(type);
      return complaint === undefined ? [] : [{ message: `the column "${name}": ${complaint}` }];
    }),
  ];
}
