import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { readTextIfPresent, syncDirectory } from '../../base/files.ts';
import { Catalogue } from './catalogue.ts';
import { assertPrivateProject, type ProjectFolder, projectFolder } from './folder.ts';
import { tokenOf } from './holder.ts';
import { renewSecret } from './issued-token.ts';

/** Where the next secret waits for its transaction: either it or `token` is the right one at any instant. */
function nextPath({ token }: ProjectFolder): string {
  return `${token}.next`;
}

/** The id of the project's own token, proved by the secret that lies in its folder. @throws UserError when that is not there, or of no use */
export async function projectToken(folder: ProjectFolder, catalogue: Catalogue): Promise<string> {
  for (const path of [folder.token, nextPath(folder)]) {
    const secret = (await readTextIfPresent(path))?.trim();
    const token = secret === undefined ? undefined : tokenOf(catalogue, secret);
    if (token === undefined) continue;
    if (path !== folder.token) await takeNext(folder);
    return token.id;
  }
  throw new UserError(`${folder.token} does not hold the secret of the project's own token`, {
    reason: 'token',
    hint: 'Name another token with --token-file or COMPONENTD_TOKEN, or make a new secret with `componentd project reset-token`.',
  });
}

/** A new secret for the project's own token, without any token: for whoever owns the folder, and with it the key and everything else. */
export async function resetProjectToken(path: string): Promise<{ readonly id: string; readonly path: string }> {
  const folder = projectFolder(resolve(path));
  await assertPrivateProject(folder);
  const catalogue = Catalogue.open(folder.catalogue);
  try {
    const row = catalogue.one("SELECT id FROM tokens WHERE kind = 'admin' ORDER BY id");
    if (row === undefined) throw new UserError(`${folder.root} has no token of its own`);
    const id = row.id as number;
    catalogue.write(() => keepNext(folder, renewSecret(catalogue, id)));
    await takeNext(folder);
    return { id: String(id), path: folder.token };
  } finally {
    catalogue.close();
  }
}

/** Puts a new secret beside the old one, durably; for a transaction, which cannot wait. */
export function keepNext(folder: ProjectFolder, secret: string): void {
  const unfinished = `${nextPath(folder)}.tmp`;
  const file = openSync(unfinished, 'w', 0o600);
  try {
    writeSync(file, `${secret}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, nextPath(folder));
  const directory = openSync(dirname(folder.token), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** After the transaction: the new secret takes the old one's place. */
export async function takeNext(folder: ProjectFolder): Promise<void> {
  await rename(nextPath(folder), folder.token).catch((error: NodeJS.ErrnoException) => {
    // Another process was as quick.
    if (error.code !== 'ENOENT') throw error;
  });
  await syncDirectory(dirname(folder.token));
}
