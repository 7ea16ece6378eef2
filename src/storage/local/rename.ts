import { UserError } from '../../base/errors.ts';
import { createBucket } from './buckets.ts';
import type { Catalogue } from './catalogue.ts';
import type { ConfigurationKey } from './configuration-store.ts';
import { existingTable } from './existing-table.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { readTableState } from './table-state.ts';

/**
 * Gives a table another id, also in another bucket, which is made unless it is there. Rows, key, types, metadata and times stay as they are.
 * Answers the configurations that still name the old id, as far as the token may see them.
 * @throws UserError when there is no such table, or one of that id
 */
export function renameTable({ catalogue, guard }: ProjectParts, id: string, to: string): readonly ConfigurationKey[] {
  const [before, after] = [tableName(id), tableName(to)];
  return catalogue.write(() => {
    for (const { bucket } of [before, after]) guard.require({ on: 'bucket', bucket, to: 'write' });
    existingTable({ catalogue, guard }, id);
    if (readTableState(catalogue, to) !== undefined)
      throw new UserError(`there is a table ${to} already`, { hint: 'Name another id, or remove that table first.' });
    const origin = { component: undefined, configuration: undefined, configurationRow: undefined };
    createBucket(catalogue, after.bucket, { origin, now: Date.now() });
    move(catalogue, id, after);
    return guard.viewer()({ on: 'configurations', to: 'read' }) ? configurationsNaming(catalogue, id) : [];
  });
}

/** A new row, then what refers to it, then the old one: so every reference holds at every moment. */
function move(
  catalogue: Catalogue,
  id: string,
  to: { readonly id: string; readonly bucket: string; readonly name: string },
): void {
  const same = 'columns, types, primaryKey, distributionKey, created, lastChange, lastImport, rowCount, revision';
  const insert = `INSERT INTO tables (id, bucket, name, ${same}) SELECT ?, ?, ?, ${same} FROM tables WHERE id = ?`;
  catalogue.run(insert, to.id, to.bucket, to.name, id);
  catalogue.run('UPDATE segments SET tableId = ? WHERE tableId = ?', to.id, id);
  catalogue.run("UPDATE metadata SET object = ? WHERE kind IN ('table', 'column') AND object = ?", to.id, id);
  catalogue.run('DELETE FROM tables WHERE id = ?', id);
}

/** By their text, in which an id stands as it is. */
function configurationsNaming(catalogue: Catalogue, id: string): readonly ConfigurationKey[] {
  const sql = `SELECT component, id FROM configurations AS c WHERE deleted IS NULL AND (instr(configuration, ?1) > 0 OR EXISTS
    (SELECT 1 FROM configurationRows AS r WHERE r.component = c.component AND r.config = c.id AND instr(r.configuration, ?1) > 0))
    ORDER BY component, id`;
  return catalogue
    .all(sql, JSON.stringify(id))
    .map((row) => ({ component: row.component as string, id: row.id as string }));
}
