import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { counted } from '../base/counted.ts';
import { UsageError, UserError } from '../base/errors.ts';
import { parseMoment } from '../job/moment.ts';
import type { TableExport } from '../job/storage.ts';
import { formatBytes, neutralise } from '../sinks/format.ts';
import { type ImportSource, importFile, importTable } from '../storage/local/imports.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { print, printJson, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

export interface ImportOptions {
  readonly primaryKey?: string;
  readonly incremental?: boolean;
  readonly delimiter: string;
  readonly enclosure: string;
  readonly file?: string;
  readonly name?: string;
  readonly tag: readonly string[];
  readonly permanent?: boolean;
}

export interface ExportOptions {
  readonly output?: string;
  readonly file?: string;
  readonly columns?: string;
  readonly limit?: string;
  readonly where?: readonly string[];
  readonly changedSince?: string;
}

/** Loads CSV from a path or standard input into a table. */
export async function importTableFrom(
  { table, source }: { readonly table: string; readonly source: string },
  options: ImportOptions,
  { config, signal, json }: Session,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { delimiter, enclosure, incremental, primaryKey } = options;
    const request = {
      source: sourceOf(source),
      table,
      delimiter,
      enclosure,
      incremental: incremental === true,
      ...(primaryKey !== undefined && { primaryKey: listOf(primaryKey) }),
    };
    const imported = await importTable(storage, request, signal);
    if (json) return printJson({ type: 'result', ...imported });
    print(`imported ${counted(imported.importedRows, 'row')} into ${shown(imported.id)}`);
    for (const warning of imported.warnings) print(`  warning: ${shown(warning)}`);
  });
}

/** Adds a file to the file storage. */
export async function importFileFrom(
  path: string,
  { name, tag, permanent }: Pick<ImportOptions, 'name' | 'tag' | 'permanent'>,
  { config, signal, json }: Session,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const request = {
      source: sourceOf(path),
      tags: tag,
      permanent: permanent === true,
      ...(name !== undefined && { name }),
    };
    const id = await importFile(storage, request, signal);
    if (json) printJson({ type: 'result', file: id });
    else print(`added file ${id}`);
  });
}

/** Writes a table or a file to a new path, or to standard output. With a path there is a result to print. */
export async function exportTo(table: string | undefined, options: ExportOptions, session: Session): Promise<void> {
  const { file, output } = options;
  if ((table === undefined) === (file === undefined)) {
    throw new UsageError('name a table, or a file with --file', { hint: 'See `componentd storage export --help`.' });
  }
  const request = table === undefined ? undefined : tableRequest(table, options);
  await withProject(session.config, async ({ storage }) => {
    const write = async (path: string): Promise<{ readonly rows?: number; readonly bytes: number }> => {
      if (request !== undefined) return await storage.exportTable({ ...request, path }, session.signal);
      await storage.downloadFile(wholeNumber(file, '--file'), path, session.signal);
      return { bytes: (await stat(path)).size };
    };
    if (output === undefined) return await throughTemporary(storage, write);
    const path = resolve(output);
    const { rows, bytes } = await write(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new UserError(`${output} exists already`, { cause: error, hint: 'Name a new file, or remove that one.' });
    });
    const what = table === undefined ? { file: Number(file) } : { table, rows };
    if (session.json) printJson({ type: 'result', ...what, bytes, output: path });
    else if (!session.quiet)
      print(`wrote ${rows === undefined ? '' : `${counted(rows, 'row')}, `}${formatBytes(bytes)} to ${shown(output)}`);
  });
}

function tableRequest(table: string, options: ExportOptions): Omit<TableExport, 'path'> {
  const { columns, limit, where = [], changedSince } = options;
  const moment = changedSince === undefined ? undefined : parseMoment(changedSince, new Date());
  if (changedSince !== undefined && moment === undefined) {
    throw new UsageError(`--changed-since needs a moment, not "${changedSince}"`, {
      hint: 'Write 2026-01-31, 2026-01-31T08:00:00Z or "-2 days".',
    });
  }
  return {
    table,
    columns: columns === undefined ? [] : listOf(columns),
    ...(where.length > 0 && { where: conditionOf(where) }),
    ...(moment !== undefined && { changedSince: moment }),
    ...(limit !== undefined && { limit: wholeNumber(limit, '--limit') }),
  };
}

/** `column=value` and `column!=value`, several times for several values of one column. */
function conditionOf(where: readonly string[]): NonNullable<TableExport['where']> {
  const hint = { hint: 'Write --where status=open, or --where status!=closed --where status!=lost.' };
  const parts = where.map((text) => {
    const [, column, operator, value] = /^([^=!]+)(!?=)(.*)$/s.exec(text) ?? [];
    if (column === undefined || value === undefined) throw new UsageError(`--where "${text}" is no condition`, hint);
    return { column: column.trim(), operator: operator === '=' ? 'eq' : 'ne', value } as const;
  });
  const [first] = parts as [(typeof parts)[number]];
  const { column, operator } = first;
  if (parts.some((part) => part.column !== column || part.operator !== operator))
    throw new UsageError('all conditions must be on one column, with the same sign', hint);
  return { column, operator, values: parts.map(({ value }) => value) };
}

/** The table engine writes to paths only; standard output gets it from there, in constant memory. */
async function throughTemporary(storage: LocalStorage, write: (path: string) => Promise<unknown>): Promise<void> {
  const path = join(storage.partsFor().folder.temp, `export-${randomBytes(8).toString('hex')}`);
  try {
    await write(path);
    const sent = process.stdout.isTTY
      ? pipeline(createReadStream(path, 'utf8'), neutralised, process.stdout, { end: false })
      : pipeline(createReadStream(path), process.stdout, { end: false });
    await sent.catch((error: NodeJS.ErrnoException) => {
      // A reader that has seen enough, like head(1), is no failure.
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  } finally {
    await rm(path, { force: true });
  }
}

/** For a terminal, which shows the text and obeys none of it; a pipe or a file gets the bytes. */
async function* neutralised(texts: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of texts) yield text.split('\n').map(neutralise).join('\n');
}

function sourceOf(path: string): ImportSource {
  return path === '-' ? { stream: process.stdin, name: 'standard input' } : { path };
}

/** Items between commas, without blanks around them. */
export function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** @throws UsageError naming the flag */
export function wholeNumber(text: string | undefined, flag: string): number {
  if (text === undefined || !/^\d{1,15}$/.test(text))
    throw new UsageError(`${flag} needs a whole number, not "${text ?? ''}"`);
  return Number(text);
}
