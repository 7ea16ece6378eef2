import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';

/** Where a project's things are. Everything belongs to the user that runs us, directories 0700, files 0600. */
export interface ProjectFolder {
  readonly root: string;
  readonly catalogue: string;
  /** What encrypts `#` values. */
  readonly key: string;
  /** The secret of the project's own token. */
  readonly token: string;
  /** Immutable Parquet files, by random id. */
  readonly tables: string;
  /** Immutable files, by random id. */
  readonly files: string;
  /** One directory per commit that has not happened yet. */
  readonly staged: string;
  /** The table engine's spill files. */
  readonly temp: string;
}

export function projectFolder(root: string): ProjectFolder {
  return {
    root,
    catalogue: join(root, 'catalogue.sqlite'),
    key: join(root, 'key'),
    token: join(root, 'token'),
    tables: join(root, 'data', 'tables'),
    files: join(root, 'data', 'files'),
    staged: join(root, 'staged'),
    temp: join(root, 'temp'),
  };
}

/** @throws UserError when the folder is missing, holds no project, or it or its catalogue is a link or open to other users */
export async function assertPrivateProject(folder: ProjectFolder): Promise<void> {
  const root = await seen(folder.root, 'does not exist');
  if (!root.isDirectory() && !root.isSymbolicLink())
    throw new UserError(`${folder.root} is not a folder`, { hint: projectHint });
  // Before anything is said about who may read what: it may be no folder of ours.
  const catalogue = await seen(folder.catalogue, 'is missing, so there is no project');
  assertPrivate(folder.root, root);
  assertPrivate(folder.catalogue, catalogue);
}

const projectHint = 'Make a project with `componentd init`, or name another one with --project.';

async function seen(path: string, whenMissing: string): Promise<Stats> {
  return await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new UserError(`${path} ${whenMissing}`, { hint: projectHint });
  });
}

function assertPrivate(path: string, stat: Stats): void {
  if (stat.isSymbolicLink()) throw new UserError(`${path} is a symbolic link`, { hint: 'Name the real path.' });
  const mode = stat.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    const wanted = stat.isDirectory() ? '700' : '600';
    throw new UserError(`${path} is open to other users (mode ${mode.toString(8)})`, {
      hint: `chmod ${wanted} ${path}`,
    });
  }
  const user = process.geteuid?.();
  if (user !== undefined && stat.uid !== user) {
    throw new UserError(`${path} belongs to user ${stat.uid}, we run as ${user}`, { hint: `chown ${user} ${path}` });
  }
}
