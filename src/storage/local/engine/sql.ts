import type { Rows, Segment, Selection } from './protocol.ts';

/** A string as a DuckDB literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Segments have fewer rows than this, and a table fewer segments than 2^22. */
const rowsPerSegment = 2 ** 40;

/** With more rows than this the keys may not fit into memory, and a join that spills forgets the order: then they are sorted. */
const sortedAbove = 5_000_000;

/**
 * The merged rows in order, as a query with the columns `v0`, `v1`, … (of `rows.columns`) and `changed`. Of rows with the same key the
 * last one stays, where it is. Values only stream through, in their order when one thread does it: what is held in memory is one
 * number for every key.
 */
export function mergedRows(rows: Rows): string {
  const values = [...rows.columns.map((_, index) => `v${index}`), 'changed'].join(', ');
  const all = `SELECT ${values} FROM (${parts(rows)})`;
  if (!needsMerge(rows)) return all;
  const order = rows.rowCount > sortedAbove ? ' ORDER BY place' : '';
  return `${all} WHERE place IN (SELECT max(place) FROM (${parts(rows)}) GROUP BY ${keys(rows)})${order}`;
}

/** Whether rows with the same key have to be looked for. */
export function needsMerge(rows: Rows): boolean {
  return rows.key.length > 0 && !rows.isMerged;
}

/** How many rows the merged table has. */
export function mergedCount(rows: Rows): string {
  const grouping = rows.key.length === 0 ? '' : ` GROUP BY ${keys(rows)}`;
  return `SELECT count(*) FROM (SELECT 1 FROM (${parts(rows)})${grouping})`;
}

function keys(rows: Rows): string {
  return rows.key.map((column) => `v${rows.columns.indexOf(column)}`).join(', ');
}

function parts(rows: Rows): string {
  return rows.segments.map((segment, index) => segmentRows(segment, index, rows.columns)).join(' UNION ALL ');
}

/** The selected rows and columns; the columns bear their own names. */
export function selectedRows(rows: Rows, selection: Selection, value = (column: string): string => column): string {
  const column = (text: string): string => `v${rows.columns.indexOf(text)}`;
  const values = selection.columns.map((text) => `${value(column(text))} AS ${name(text)}`).join(', ');
  const conditions = [
    ...(selection.changedSince === undefined ? [] : [`changed >= ${selection.changedSince}`]),
    ...(selection.where === undefined ? [] : [condition(column(selection.where.column), selection.where)]),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const limit = selection.limit === undefined ? '' : ` LIMIT ${selection.limit}`;
  return `SELECT ${values} FROM (${mergedRows(rows)})${where}${limit}`;
}

function condition(column: string, { operator, values }: NonNullable<Selection['where']>): string {
  // No stored value has a NUL byte.
  const possible = values.filter((value) => !value.includes('\0'));
  if (possible.length === 0) return operator === 'eq' ? 'false' : 'true';
  return `${column} ${operator === 'eq' ? 'IN' : 'NOT IN'} (${possible.map(literal).join(', ')})`;
}

function segmentRows(segment: Segment, index: number, columns: readonly string[]): string {
  const values = columns.map((column, position) => {
    const source = segment.columns.indexOf(column);
    return `${source === -1 ? "''" : `c${source}`} AS v${position}`;
  });
  const changed =
    segment.changedAt === undefined ? `CAST(c${segment.columns.length} AS BIGINT)` : `${segment.changedAt}::BIGINT`;
  const place = `${index * rowsPerSegment}::BIGINT + file_row_number AS place`;
  return `SELECT ${values.join(', ')}, ${changed} AS changed, ${place} FROM read_parquet(${literal(segment.path)}, file_row_number = true)`;
}
