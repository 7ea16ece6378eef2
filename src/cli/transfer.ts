import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UsageError, UserError } from '../base/errors.ts';
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
    print(`imported ${imported.importedRows} rows into ${shown(imported.id)}`);
    for (const warning of imported.warnings) print(`  warning: ${shown(warning)}`);
  });
}

/** Adds a file to the file storage. */
export async function importFileFrom(
  path: string,
  { name, tag, permanent }: ImportOptions,
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

/** Writes a table or a file to a new path, or to standard output. */
export async function exportTo(table: string | undefined, options: ExportOptions, session: Session): Promise<void> {
  const { file, output } = options;
  if ((table === undefined) === (file === undefined)) {
    throw new UsageError('name a table, or a file with --file', { hint: 'See `componentd storage export --help`.' });
  }
  await withProject(session.config, async ({ storage }) => {
    const write = (path: string): Promise<unknown> =>
      table === undefined
        ? storage.downloadFile(wholeNumber(file, '--file'), path, session.signal)
        : exportTable(storage, { table, path }, options, session.signal);
    if (output === undefined) return await throughTemporary(storage, write);
    await write(resolve(output)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new UserError(`${output} exists already`, { cause: error, hint: 'Name a new file, or remove that one.' });
    });
  });
}

async function exportTable(
  storage: LocalStorage,
  { table, path }: { readonly table: string; readonly path: string },
  { columns, limit }: ExportOptions,
  signal: AbortSignal,
): Promise<void> {
  const request = {
    table,
    path,
    columns: columns === undefined ? [] : listOf(columns),
    ...(limit !== undefined && { limit: wholeNumber(limit, '--limit') }),
  };
  await storage.exportTable(request, signal);
}

/** The table engine writes to paths only; standard output gets it from there, in constant memory. */
async function throughTemporary(storage: LocalStorage, write: (path: string) => Promise<unknown>): Promise<void> {
  const path = join(storage.partsFor().folder.temp, `export-${randomBytes(8).toString('hex')}`);
  try {
    await write(path);
    await pipeline(createReadStream(path), process.stdout, { end: false }).catch((error: NodeJS.ErrnoException) => {
      // A reader that has seen enough, like head(1), is no failure.
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  } finally {
    await rm(path, { force: true });
  }
}

function sourceOf(path: string): ImportSource {
  return path === '-' ? { stream: process.stdin, name: 'standard input' } : { path };
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function wholeNumber(text: string | undefined, flag: string): number {
  if (text === undefined || !/^\d{1,15}$/.test(text))
    throw new UsageError(`${flag} needs a whole number, not "${text ?? ''}"`);
  return Number(text);
}
