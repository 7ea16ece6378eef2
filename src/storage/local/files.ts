import { constants } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { FileInfo, FileSelector, StagedFile } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import type { Guard } from './guard.ts';
import type { ProjectParts } from './parts.ts';
import { fileHandle } from './staging.ts';
import { claim } from './targets.ts';
import { isoTime, millisecondsOf } from './times.ts';

/** How long a file that is not permanent is kept. */
export const maxAgeDays = 15;

/** Whose files are meant: of all tokens, or of the one with this id. */
type FilesOf = ReturnType<Guard['filesOf']>;

/** The condition that a file is among these. */
export function ownedBy(of: FilesOf): string {
  return of === 'all' ? 'TRUE' : `token = ${of}`;
}

/** Adds a file whose content is in place, under the handle's last part; returns its id, which is greater than all before. Inside a transaction of the caller. */
export function addFile(
  catalogue: Catalogue,
  staged: StagedFile,
  { owner, now }: { readonly owner: number; readonly now: number },
): number {
  const { upload, bytes } = staged;
  const { id } = catalogue.run(
    'INSERT INTO files (name, created, isPublic, isPermanent, isEncrypted, bytes, data, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    upload.name,
    now,
    Number(upload.isPublic),
    Number(upload.isPermanent),
    Number(upload.isEncrypted),
    bytes,
    fileHandle(staged).data,
    owner,
  );
  addTags(catalogue, 'all', { fileId: id, tags: upload.tags });
  return id;
}

/** Adds tags the file does not have yet; returns a warning when there is no such file. Inside a transaction of the caller. */
export function addTags(
  catalogue: Catalogue,
  of: FilesOf,
  { fileId, tags }: { readonly fileId: number; readonly tags: readonly string[] },
): readonly string[] {
  if (catalogue.one(`SELECT 1 FROM files WHERE id = ? AND ${ownedBy(of)}`, fileId) === undefined) {
    return [`file ${fileId} is gone and gets no tags`];
  }
  for (const tag of tags) {
    catalogue.run(
      `INSERT OR IGNORE INTO fileTags (fileId, position, tag)
       VALUES (?, (SELECT coalesce(max(position), -1) + 1 FROM fileTags WHERE fileId = ?), ?)`,
      fileId,
      fileId,
      tag,
    );
  }
  return [];
}

/** Newest first; every selector given must hold: one of the ids, all included tags, no excluded tag, created at or after. */
export function findFiles(catalogue: Catalogue, of: FilesOf, selector: FileSelector): readonly FileInfo[] {
  const { ids, includeTags = [], excludeTags = [], changedSince, limit } = selector;
  const tagged = 'SELECT 1 FROM fileTags WHERE fileId = files.id AND tag = ?';
  const conditions = [
    ownedBy(of),
    ...(ids === undefined ? [] : ['id IN (SELECT value FROM json_each(?))']),
    ...includeTags.map(() => `EXISTS (${tagged})`),
    ...excludeTags.map(() => `NOT EXISTS (${tagged})`),
    ...(changedSince === undefined ? [] : ['created >= ?']),
  ];
  const values = [
    ...(ids === undefined ? [] : [JSON.stringify(ids)]),
    ...includeTags,
    ...excludeTags,
    ...(changedSince === undefined ? [] : [millisecondsOf(changedSince, 'changed since')]),
  ];
  const where = `WHERE ${conditions.join(' AND ')}`;
  return catalogue.read(() =>
    catalogue
      .all(`SELECT * FROM files ${where} ORDER BY id DESC LIMIT ?`, ...values, limit)
      .map((row) => fileInfo(catalogue, row)),
  );
}

/** Copies the file's content (by reflink where the file system can) to a path that does not exist yet. @throws UserError when there is no such file, or no folder for the path; EEXIST */
export async function downloadFile(
  { catalogue, folder, guard }: Pick<ProjectParts, 'catalogue' | 'folder' | 'guard'>,
  id: number,
  path: string,
): Promise<void> {
  const row = catalogue.one(`SELECT data FROM files WHERE id = ? AND ${ownedBy(guard.filesOf())}`, id);
  if (row === undefined)
    throw new UserError(`there is no file ${id}`, { hint: 'List the files with `componentd storage ls`.' });
  await claim(path);
  try {
    await copyFile(join(folder.files, row.data as string), path, constants.COPYFILE_FICLONE);
  } catch (error) {
    await rm(path, { force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new InfrastructureError(`the content of file ${id} is gone from ${folder.files}`, {
      cause: error,
      hint: 'Put it back from a backup.',
    });
  }
}

function fileInfo(catalogue: Catalogue, row: Row): FileInfo {
  const tags = catalogue.all('SELECT tag FROM fileTags WHERE fileId = ? ORDER BY position', row.id as number);
  return {
    id: row.id as number,
    name: row.name as string,
    created: isoTime(row.created as number),
    isPublic: row.isPublic === 1,
    isEncrypted: row.isEncrypted === 1,
    isPermanent: row.isPermanent === 1,
    tags: tags.map(({ tag }) => tag as string),
    maxAgeDays: row.isPermanent === 1 ? null : maxAgeDays,
    sizeBytes: row.bytes as number,
  };
}
