import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { addTags, ownedBy } from './files.ts';
import type { ProjectParts } from './parts.ts';

type FileParts = Pick<ProjectParts, 'catalogue' | 'guard'>;

/** Adds tags that the file does not have yet. @throws UserError when there is no such file */
export function tagFile(parts: FileParts, id: number, tags: readonly string[]): void {
  const { catalogue, guard } = parts;
  for (const tag of tags) if (tag === '') throw new UserError('a tag has at least one character');
  catalogue.write(() => {
    assertFile(parts, id);
    addTags(catalogue, guard.filesOf(), { fileId: id, tags });
  });
}

/** Takes tags off a file; those it does not have are fine. @throws UserError when there is no such file */
export function untagFile(parts: FileParts, id: number, tags: readonly string[]): void {
  parts.catalogue.write(() => {
    assertFile(parts, id);
    for (const tag of tags) parts.catalogue.run('DELETE FROM fileTags WHERE fileId = ? AND tag = ?', id, tag);
  });
}

/** Removes a file. Its content stays a day for readers that still use it. @throws UserError when there is no such file */
export function removeFile(parts: FileParts, id: number): void {
  const { catalogue } = parts;
  catalogue.write(() => {
    const data = assertFile(parts, id);
    catalogue.run('INSERT OR IGNORE INTO garbage (path, since) VALUES (?, ?)', join('files', data), Date.now());
    catalogue.run('DELETE FROM files WHERE id = ?', id);
  });
}

function assertFile({ catalogue, guard }: FileParts, id: number): string {
  const row = catalogue.one(`SELECT data FROM files WHERE id = ? AND ${ownedBy(guard.filesOf())}`, id);
  if (row !== undefined) return row.data as string;
  throw new UserError(`there is no file ${id}`, { hint: 'List the files with `componentd storage file ls`.' });
}
