import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sanitizeColumn } from '../base/column-names.ts';
import { type Problem, UserError } from '../base/errors.ts';
import type { Findings } from '../base/findings.ts';
import { JsonSyntaxError } from '../base/json.ts';
import { readDocument } from '../base/schema.ts';
import * as inputFileSchema from '../gen/file-manifest-in.schema.js';
import * as inputTableSchema from '../gen/table-manifest-in.schema.js';
import type { Directory } from '../job/directory.ts';
import { parseDocument } from '../job/document.ts';
import { type OutputEntry, slicesOf } from '../job/output-entries.ts';
import { readTableManifest } from '../job/output-manifest.ts';
import { mergeTableProperties } from '../job/table-properties.ts';
import type { DocumentFormat } from '../job/types.ts';
import { readTable } from '../storage/local/csv/read-table.ts';

/** One side of a data folder under examination. */
export interface DataCheck {
  readonly side: 'in' | 'out';
  readonly path: string;
  readonly findings: Findings;
  /** A folder for what is read. */
  readonly temporary: string;
  readonly signal: AbortSignal;
  readonly count: { tables: number; files: number; rows: number };
}

export interface ManifestText {
  readonly text: string;
  /** How problems call it: `out/tables/cities.csv.manifest`. */
  readonly source: string;
  readonly format: DocumentFormat;
}

const maxManifestBytes = 4 * 1024 * 1024;

export async function readManifestText(
  folder: Directory,
  name: string,
  { findings }: DataCheck,
): Promise<ManifestText | undefined> {
  const text = await findings.check(() => folder.readText(`${name}.manifest`, maxManifestBytes));
  if (text === undefined) return undefined;
  const format = /^\s*[{[]/.test(text) ? 'json' : 'yaml';
  return { text, source: `${folder.name}/${name}.manifest`, format };
}

/** What a component finds beside its inputs. */
export async function checkInputManifest(
  kind: 'table' | 'file',
  { text, source, format }: ManifestText,
): Promise<readonly Problem[]> {
  try {
    const schema = kind === 'table' ? inputTableSchema : inputFileSchema;
    return readDocument(schema, await parseDocument(text, format), { source }).problems;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column, detail } = error;
    return [{ source, line, column, message: `is not ${format === 'json' ? 'JSON' : 'YAML'}: ${detail}` }];
  }
}

interface TableToCheck {
  readonly entry: OutputEntry;
  readonly manifest: ManifestText | undefined;
}

/** The manifest, and then the table to its last line as Storage would read it. */
export async function checkTable(folder: Directory, table: TableToCheck, check: DataCheck): Promise<void> {
  const { findings, temporary, signal, count } = check;
  const reading = await findings.check(() => readingOf(table, folder.name, check));
  if (reading === undefined) return;
  const target = join(temporary, String(count.tables));
  const paths = reading.names.map((name) => join(check.path, 'tables', name));
  const read = await findings.check(() => readTable({ ...reading, paths }, target, signal));
  await rm(target, { force: true });
  count.rows += read?.rows ?? 0;
}

interface Reading {
  readonly source: string;
  readonly names: readonly string[];
  readonly columns: readonly string[] | undefined;
  readonly skipHeader: boolean;
  readonly csv: { readonly delimiter: string; readonly enclosure: string };
}

/** How the table is to be read. @throws UserError with every problem of its manifest */
async function readingOf({ entry, manifest }: TableToCheck, place: string, { side }: DataCheck): Promise<Reading> {
  const source = `${place}/${entry.name}`;
  const slices = entry.kind === 'folder' ? slicesOf(source, entry.slices ?? []) : undefined;
  const names = slices?.names.map((name) => `${entry.name}/${name}`) ?? [entry.name];
  const plain = { source, names, columns: undefined, skipHeader: false, csv: { delimiter: ',', enclosure: '"' } };
  if (side === 'in') {
    refuse(source, manifest === undefined ? [] : await checkInputManifest('table', manifest));
    return plain;
  }
  const read = manifest && (await readTableManifest(manifest.text, manifest.source, manifest.format));
  if (read !== undefined && 'problems' in read) refuse(source, read.problems);
  const content = read !== undefined && 'content' in read ? read.content : {};
  const { columns, hasHeader, delimiter, enclosure, complaints } = mergeTableProperties(undefined, content);
  const needed =
    slices !== undefined && columns.length === 0 ? ['a folder of slices needs "columns" in its manifest'] : [];
  refuse(source, [
    ...[...complaints, ...needed].map((message) => ({ path: source, message })),
    ...(slices?.problems ?? []),
  ]);
  const hasColumns = columns.length > 0;
  return {
    source,
    names,
    columns: hasColumns ? columns.map(sanitizeColumn) : undefined,
    skipHeader: hasColumns && hasHeader,
    csv: { delimiter, enclosure },
  };
}

function refuse(source: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw new UserError(`${source} is wrong`, { problems });
}
