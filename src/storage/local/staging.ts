import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ColumnTypes } from '../../base/column-types.ts';
import { UserError } from '../../base/errors.ts';
import { privateDirectory, syncDirectory } from '../../base/files.ts';
import { derivedId } from '../../base/ids.ts';
import type { FileUpload, StagedFile, StagedTable, TableLoad } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import type { ProjectFolder } from './folder.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { dataFile, readTableState } from './table-state.ts';
import { typesAfter, typesOf, typingComplaints } from './typing.ts';

/** What a `StagedTable`'s handle says. */
export interface TableHandle {
  /** Name of the directory it was staged in; a commit of another id finds it by that. */
  readonly directory: string;
  /** Name of the data file; none when there are no rows. */
  readonly data: string | undefined;
  readonly bytes: number;
  /** Whether the load's primary key is there once only; `undefined` when that was not looked at. */
  readonly isUnique: boolean | undefined;
  /** What its columns were checked against. */
  readonly types?: ColumnTypes;
}

export function tableHandle(staged: StagedTable): TableHandle {
  return JSON.parse(staged.handle) as TableHandle;
}

/** Where a `StagedFile` is: its staging directory's name and its own. */
export function fileHandle({ handle }: Pick<StagedFile, 'handle'>): {
  readonly directory: string;
  readonly data: string;
} {
  return { directory: dirname(handle), data: basename(handle) };
}

/** A new name for a data file. */
export function newDataName(): string {
  return randomBytes(16).toString('hex');
}

/** The directory of one commit's files. */
export function stagedDirectory(folder: ProjectFolder, commitId: string): string {
  return join(folder.staged, /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(commitId) ? commitId : derivedId(commitId));
}

/** Reads the load's CSV into a durable data file below the commit's directory. @throws UserError with source, line and column */
export async function stageTable(
  { catalogue, folder, engine }: Pick<ProjectParts, 'catalogue' | 'folder' | 'engine'>,
  { commitId, load }: { readonly commitId: string; readonly load: TableLoad },
  signal: AbortSignal,
): Promise<StagedTable> {
  tableName(load.destination);
  const { paths, ...rest } = load;
  const directory = await privateDirectory(stagedDirectory(folder, commitId));
  const data = newDataName();
  const target = join(directory, dataFile(data));
  const { source, columns, skipHeader, csv } = load;
  const types = typesForLoad(catalogue, load);
  const typing = types && { types, emptyIsNull: load.typing?.emptyIsNull ?? true };
  const table = { source, paths, columns, skipHeader, csv, typing };
  const read = await engine.call('readTable', { table, target }, signal);
  const staged = (handle: Omit<TableHandle, 'directory'>): StagedTable => ({
    load: rest,
    columns: read.columns,
    ...(read.renamed.length > 0 && { renamed: read.renamed }),
    rows: read.rows,
    bytes: read.bytes,
    handle: JSON.stringify({
      directory: basename(directory),
      ...handle,
      ...(types && { types: typesOf(types, read.columns) }),
    } satisfies TableHandle),
  });
  if (read.rows === 0) {
    await rm(target);
    return staged({ data: undefined, bytes: 0, isUnique: true });
  }
  const isKeyed = load.primaryKey.length > 0 && load.primaryKey.every((column) => read.columns.includes(column));
  const segments = [{ path: target, columns: read.columns, changedAt: 0 }];
  const rows = { columns: read.columns, key: load.primaryKey, isMerged: false, rowCount: read.rows, segments };
  const isUnique = isKeyed ? (await engine.call('count', { rows }, signal)).rows === read.rows : undefined;
  await syncDirectory(directory);
  await syncDirectory(folder.staged);
  return staged({ data, bytes: read.bytes, isUnique });
}

/** What the columns will be in the table, as it is now; the commit looks again. @throws UserError when the load's own types are refused */
function typesForLoad(catalogue: Catalogue, { destination, typing }: TableLoad): ColumnTypes | undefined {
  const state = catalogue.read(() => readTableState(catalogue, destination));
  const target = { columns: state?.columns ?? [], types: state?.types, isNew: state === undefined };
  const complaints = typingComplaints(target, typing).map((message) => `${destination}: ${message}`);
  if (complaints.length === 0) return typesAfter(target, typing);
  throw new UserError(complaints.join('; '), { problems: complaints.map((message) => ({ message })) });
}

/**
 * Takes the upload's file over into the commit's directory: by a hard link, or by copy when it lies on another file system. The path
 * given stays, so that a caller who crashed before he knew can stage it again.
 */
export async function stageFile(folder: ProjectFolder, commitId: string, upload: FileUpload): Promise<StagedFile> {
  const { path, ...rest } = upload;
  if (!(await lstat(path)).isFile()) throw new UserError(`${upload.name} is not a regular file`);
  const directory = await privateDirectory(stagedDirectory(folder, commitId));
  const data = newDataName();
  const target = join(directory, data);
  try {
    await link(path, target);
  } catch (error) {
    if (!/^(EXDEV|EROFS|EPERM|EMLINK)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await copyFile(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  const bytes = await makeDurable(target);
  await syncDirectory(directory);
  await syncDirectory(folder.staged);
  return { upload: rest, bytes, handle: join(basename(directory), data) };
}

/** Removes everything staged for a commit. */
export async function discardStaged(folder: ProjectFolder, commitId: string): Promise<void> {
  await rm(stagedDirectory(folder, commitId), { recursive: true, force: true });
}

async function makeDurable(path: string): Promise<number> {
  await using file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  await file.chmod(0o600);
  if (process.geteuid?.() === 0) await file.chown(0, 0);
  await file.sync();
  return (await file.stat()).size;
}
