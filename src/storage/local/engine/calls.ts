import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecords, readTable } from '../csv/read-table.ts';
import { claim } from '../targets.ts';
import { withDatabase } from './database.ts';
import type { EngineCall, EngineCalls, EngineSettings, Rows } from './protocol.ts';
import { literal, mergedCount, mergedRows, needsMerge, selectedRows } from './sql.ts';

type Call<Name extends EngineCall> = (
  request: EngineCalls[Name][0],
  settings: EngineSettings,
  signal: AbortSignal,
) => Promise<EngineCalls[Name][1]>;

/** What the engine can do. A call that writes a file removes it again when it fails. */
export const engineCalls: { readonly [Name in EngineCall]: Call<Name> } = {
  readTable: ({ table, target }, _settings, signal) => removedOnFailure(target, () => readTable(table, target, signal)),

  merge: ({ rows, target }, settings, signal) =>
    removedOnFailure(target, async () => {
      // Through CSV, because DuckDB holds thousands of rows, however large, for every part of a Parquet file that it writes.
      await using csv = await temporaryFile(settings.tempDirectory);
      const values = rows.columns.map((_, index) => `v${index}`);
      const query = `SELECT ${[...values, 'changed'].join(', ')} FROM (${mergedRows(rows)})`;
      await writeCsv(query, { rows, target: csv.path, settings, signal });
      return await readRecords(csv.path, { columns: rows.columns.length + 1, target, signal });
    }),

  count: async ({ rows }, settings, signal) =>
    withDatabase({ settings, reads: pathsOf(rows), writes: [], inOrder: false, signal }, async (connection) => {
      const reader = await connection.runAndReadAll(mergedCount(rows));
      return { rows: Number(reader.getRows()[0]?.[0]) };
    }),

  exportCsv: async ({ rows, selection, target }, settings, signal) => {
    await claim(target);
    return removedOnFailure(target, () => writeCsv(selectedRows(rows, selection), { rows, target, settings, signal }));
  },

  preview: async ({ rows, selection, maxCharacters }, settings, signal) =>
    withDatabase(
      { settings, reads: pathsOf(rows), writes: [], inOrder: needsMerge(rows), signal },
      async (connection) => {
        const query = selectedRows(rows, selection, (column) => `left(${column}, ${maxCharacters})`);
        const reader = await connection.runAndReadAll(query);
        return { rows: reader.getRows().map((row) => row.map(String)) };
      },
    ),
};

function pathsOf(rows: Rows): readonly string[] {
  return rows.segments.map(({ path }) => path);
}

interface CsvTarget {
  readonly rows: Rows;
  readonly target: string;
  readonly settings: EngineSettings;
  readonly signal: AbortSignal;
}

async function writeCsv(
  query: string,
  { rows, target, settings, signal }: CsvTarget,
): Promise<{ readonly rows: number }> {
  return withDatabase(
    { settings, reads: pathsOf(rows), writes: [target], inOrder: needsMerge(rows), signal },
    async (connection) => {
      const dialect = `HEADER true, FORCE_QUOTE *, DELIMITER ',', QUOTE '"', ESCAPE '"'`;
      const options = `FORMAT csv, ${dialect}, USE_TMP_FILE false`;
      const result = await connection.run(`COPY (${query}) TO ${literal(target)} (${options})`);
      return { rows: result.rowsChanged };
    },
  );
}

async function temporaryFile(directory: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(directory, `merge-${randomBytes(8).toString('hex')}`);
  await claim(path);
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function removedOnFailure<T>(target: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(target, { force: true });
    throw error;
  }
}
