import { UserError } from '../../base/errors.ts';
import { suggest } from '../../base/suggest.ts';
import type { ProjectParts } from './parts.ts';
import { readTableState, type TableState } from './table-state.ts';

type Parts = Pick<ProjectParts, 'catalogue' | 'guard'>;

/** @throws UserError when there is no such table */
export function existingTable(parts: Parts, id: string): TableState {
  const table = readTableState(parts.catalogue, id);
  if (table === undefined) throw noTable(parts, id);
  return table;
}

/** Names the table that was probably meant, of those that the token may read. */
export function noTable(parts: Parts, id: string): UserError {
  const meant = suggest(id, tableIds(parts));
  const guess = meant === undefined ? '' : `Did you mean ${meant}? `;
  return new UserError(`there is no table ${id}`, { hint: `${guess}List the tables with \`componentd storage ls\`.` });
}

/** All tables' ids, or those of a bucket; those that the token may not read are left out. */
export function tableIds({ catalogue, guard }: Parts, bucket?: string): readonly string[] {
  const may = guard.viewer();
  const rows =
    bucket === undefined
      ? catalogue.all('SELECT id, bucket FROM tables ORDER BY id')
      : catalogue.all('SELECT id, bucket FROM tables WHERE bucket = ? ORDER BY id', bucket);
  const seen = rows.filter((row) => may({ on: 'bucket', bucket: row.bucket as string, to: 'read' }));
  return seen.map(({ id }) => id as string);
}
