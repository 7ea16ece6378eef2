import { basename } from 'node:path';
import { columnProblems, sanitizeColumn } from '../../../base/column-names.ts';
import { type Problem, UserError } from '../../../base/errors.ts';
import type { CsvDialect, RenamedColumn } from '../../../job/storage.ts';
import { ParquetWriter } from '../parquet/writer.ts';
import { HeaderSink, SkipSink } from './header.ts';
import { locate } from './locate.ts';
import { CsvFault, CsvScanner, type RecordSink } from './scanner.ts';
import { scanFile } from './source.ts';
import { TableSink } from './table-sink.ts';
import { type Typing, type ValueSink, valueSinks } from './typed-column.ts';

/** The longest record, in bytes. */
const maxRecordBytes = 64 << 20;

export interface CsvTable {
  readonly source: string;
  readonly paths: readonly string[];
  readonly columns: readonly string[] | undefined;
  readonly skipHeader: boolean;
  readonly csv: CsvDialect;
  /** Absent: every value is text. */
  readonly typing?: Typing | undefined;
}

export interface ReadTable {
  readonly columns: readonly string[];
  /** Header names that are kept under another one. */
  readonly renamed: readonly RenamedColumn[];
  readonly rows: number;
  /** Size of the Parquet file. */
  readonly bytes: number;
}

/**
 * Reads CSV, strictly, into one durable Parquet file at `target` (columns `c0`, `c1`, … in the order of the result's `columns`).
 * `signal` is looked at after every chunk.
 * @throws UserError that names source, line and column; the file is then worthless and the caller's to remove
 */
export async function readTable(table: CsvTable, target: string, signal: AbortSignal): Promise<ReadTable> {
  const dialect = dialectBytes(table);
  const header = table.columns === undefined ? await readHeader(table, dialect) : undefined;
  const columns = table.columns ?? header?.names ?? [];
  if (header === undefined) throwColumnProblems(columnProblems(columns, columns, table.source), table.source);
  const files = table.paths.map((path, index) => ({
    path,
    hasHeader: table.skipHeader || (index === 0 && table.columns === undefined),
    source: table.paths.length === 1 ? table.source : `${table.source}/${basename(path)}`,
  }));
  const read = await readFiles(files, { dialect, columns: valueSinks(columns, table.typing), target, signal });
  return { columns, renamed: header?.renamed ?? [], ...read };
}

/** Reads a file of ours (canonical CSV with a header) into a durable Parquet file at `target`. */
export async function readRecords(
  path: string,
  { columns, ...reading }: Omit<Reading, 'dialect' | 'columns'> & { readonly columns: number },
): Promise<WrittenRows> {
  const dialect = { delimiter: 0x2c, enclosure: 0x22 };
  const sinks = valueSinks(Array<string>(columns).fill(''), undefined);
  return readFiles([{ path, source: path, hasHeader: true }], { ...reading, columns: sinks, dialect });
}

interface CsvFile {
  readonly path: string;
  readonly source: string;
  readonly hasHeader: boolean;
}

type WrittenRows = Pick<ReadTable, 'rows' | 'bytes'>;

interface Reading {
  readonly dialect: Dialect;
  readonly columns: readonly ValueSink[];
  readonly target: string;
  readonly signal: AbortSignal;
}

async function readFiles(
  files: readonly CsvFile[],
  { dialect, columns, target, signal }: Reading,
): Promise<WrittenRows> {
  const rows = new TableSink(columns);
  await using writer = await ParquetWriter.create(target, columns.length);
  let total = 0;
  // One row group is packed and written while the next one is read.
  let writing = Promise.resolve();
  const write = async (last: boolean): Promise<void> => {
    signal.throwIfAborted();
    for (const group of rows.takeGroups(last)) {
      await writing;
      writing = writer.rowGroup(group.columns, group.rows);
      // Whoever awaits it sees the failure; until then it is no unhandled one.
      writing.catch(() => undefined);
      total += group.rows;
    }
    if (last) await writing;
  };
  for (const { path, source, hasHeader } of files) {
    const scanner = new CsvScanner(rows, { ...dialect, maxRecordBytes });
    if (hasHeader) {
      const skip = new SkipSink(() => {
        scanner.sink = rows;
      });
      scanner.sink = skip;
    }
    await located(source, path, () => scanFile(path, scanner, () => write(false)));
  }
  await write(true);
  return { rows: total, bytes: await writer.finish() };
}

async function readHeader(
  table: CsvTable,
  dialect: Dialect,
): Promise<{ readonly names: readonly string[]; readonly renamed: readonly RenamedColumn[] }> {
  const [path] = table.paths;
  const { source } = table;
  const empty = 'The file has no header and no columns are given.';
  if (path === undefined) throw new UserError(`${source}: ${empty}`, { problems: [{ source, message: empty }] });
  const found = new Error('header found');
  const ignore: RecordSink = { bytes: () => {}, endField: () => {}, endRecord: () => {} };
  const scanner = new CsvScanner(ignore, { ...dialect, maxRecordBytes });
  let isFound = false;
  const header = new HeaderSink(
    () => scanner.fieldOffset,
    () => {
      isFound = true;
      scanner.sink = ignore;
    },
  );
  scanner.sink = header;
  await located(source, path, async () => {
    try {
      await scanFile(path, scanner, async () => {
        if (isFound) throw found;
      });
    } catch (error) {
      if (!isFound) throw error;
    }
  });
  if (!isFound)
    throw new UserError(`${source}: ${empty}`, { problems: [{ source, line: 1, column: 1, message: empty }] });
  const names = header.values.map(sanitizeColumn);
  const problems = columnProblems(header.values, names, source);
  const places = await Promise.all(
    problems.map(async (problem) => ({ ...problem, ...(await locate(path, header.offsets[problem.index] ?? 0)) })),
  );
  throwColumnProblems(places, source);
  const renamed = names.flatMap((to, index) =>
    header.values[index] === to ? [] : [{ from: header.values[index] ?? '', to }],
  );
  return { names, renamed };
}

function throwColumnProblems(problems: readonly (Problem & { readonly index: number })[], source: string): void {
  if (problems.length === 0) return;
  const text = problems.map(({ line, column, message }) =>
    line === undefined ? message : `line ${line}, column ${column}: ${message}`,
  );
  throw new UserError(`${source}: ${text.join('; ')}`, {
    problems: problems.map(({ index: _, ...problem }) => problem),
  });
}

interface Dialect {
  readonly delimiter: number;
  readonly enclosure: number | undefined;
}

function dialectBytes({ csv, source }: CsvTable): Dialect {
  const { delimiter, enclosure } = csv;
  const problems: Problem[] = [];
  const hint = 'Use one ASCII character.';
  if (!isDialectCharacter(delimiter)) {
    problems.push({ source, path: 'delimiter', message: `${JSON.stringify(delimiter)} cannot be a delimiter`, hint });
  }
  if (enclosure !== '' && (!isDialectCharacter(enclosure) || enclosure === delimiter)) {
    problems.push({ source, path: 'enclosure', message: `${JSON.stringify(enclosure)} cannot be an enclosure`, hint });
  }
  if (problems.length > 0) {
    throw new UserError(`${source}: ${problems.map(({ message }) => message).join('; ')}. ${hint}`, { problems });
  }
  return { delimiter: delimiter.charCodeAt(0), enclosure: enclosure === '' ? undefined : enclosure.charCodeAt(0) };
}

function isDialectCharacter(text: string): boolean {
  return /^[\x01-\x09\x0b\x0c\x0e-\x7f]$/.test(text);
}

async function located(source: string, path: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof CsvFault)) throw error;
    const place = await locate(path, error.offset);
    throw new UserError(`${source}: line ${place.line}, column ${place.column}: ${error.message}`, {
      problems: [{ source, ...place, message: error.message }],
    });
  }
}
