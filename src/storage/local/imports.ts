import { constants, createWriteStream } from 'node:fs';
import { copyFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../base/errors.ts';
import { privateDirectory } from '../../base/files.ts';
import type { RenamedColumn, StagedFile, StagedTable } from '../../job/storage.ts';
import { newImportId } from './import-id.ts';
import type { LocalStorage } from './local-storage.ts';
import { stagedDirectory } from './staging.ts';
import { readTableState } from './table-state.ts';

/** Where an import's bytes come from: a file, which stays where it is, or a stream under a name for messages. */
export type ImportSource = { readonly path: string } | { readonly stream: Readable; readonly name: string };

export interface TableImport {
  readonly source: ImportSource;
  /** `in.c-shop.orders` */
  readonly table: string;
  /** Absent: the table's own. */
  readonly primaryKey?: readonly string[];
  readonly incremental?: boolean;
  readonly delimiter?: string;
  readonly enclosure?: string;
}

export interface ImportedTable {
  readonly id: string;
  readonly columns: readonly string[];
  readonly importedRows: number;
  /** Headers that are kept under another name; the warnings tell of them, too. */
  readonly renamed: readonly RenamedColumn[];
  readonly warnings: readonly string[];
}

/** Loads a CSV file with a header into a table. @throws UserError, nothing is changed then */
export async function importTable(
  storage: LocalStorage,
  request: TableImport,
  signal: AbortSignal,
): Promise<ImportedTable> {
  return importing(storage, request.source, async (commitId, path, name) => {
    const staged: StagedTable = await storage.stageTable(
      commitId,
      {
        source: name,
        destination: request.table,
        paths: [path],
        skipHeader: false,
        csv: { delimiter: request.delimiter ?? ',', enclosure: request.enclosure ?? '"' },
        incremental: request.incremental ?? false,
        primaryKey: request.primaryKey ?? readTableState(storage.parts.catalogue, request.table)?.primaryKey ?? [],
        distributionKey: [],
        metadata: [],
        columnMetadata: {},
        provider: 'user',
        origin: { component: undefined, configuration: undefined, configurationRow: undefined },
      },
      signal,
    );
    const result = await storage.commit({ id: commitId, tables: [staged], files: [], processedTags: [], states: [] });
    const { columns, rows: importedRows, renamed = [] } = staged;
    const warnings = [
      ...renamed.map(({ from, to }) => `the column ${JSON.stringify(from)} is stored as "${to}"`),
      ...result.warnings,
    ];
    return { id: request.table, columns, importedRows, renamed, warnings };
  });
}

export interface FileImport {
  readonly source: ImportSource;
  /** The source's own name by default. */
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly permanent?: boolean;
}

/** Adds a file; returns its id. */
export async function importFile(storage: LocalStorage, request: FileImport, signal: AbortSignal): Promise<number> {
  return importing(storage, request.source, async (commitId, path, name) => {
    const upload = {
      name: request.name ?? name,
      path,
      tags: request.tags ?? [],
      isPublic: false,
      isPermanent: request.permanent ?? false,
      isEncrypted: true,
    };
    const staged: StagedFile = await storage.stageFile(commitId, upload, signal);
    const result = await storage.commit({ id: commitId, tables: [], files: [staged], processedTags: [], states: [] });
    return result.files[0]?.id as number;
  });
}

async function importing<T>(
  storage: LocalStorage,
  source: ImportSource,
  work: (commitId: string, path: string, name: string) => Promise<T>,
): Promise<T> {
  const commitId = newImportId();
  const directory = await privateDirectory(stagedDirectory(storage.parts.folder, commitId));
  try {
    const copy = join(directory, 'source');
    if ('path' in source) await copyIn(source.path, copy);
    else await pipeline(source.stream, createWriteStream(copy, { flags: 'wx', mode: 0o600 }));
    return await work(commitId, copy, 'path' in source ? basename(source.path) : source.name);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function copyIn(path: string, copy: string): Promise<void> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new UserError(`there is no file ${path}`);
  });
  if (!info.isFile())
    throw new UserError(`${path} is not a regular file`, { hint: 'Name a file, or pipe the data in.' });
  await copyFile(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}
