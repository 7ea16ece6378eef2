import { randomBytes, randomInt } from 'node:crypto';
import { chmod, link, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { privateDirectory, syncDirectory, writeFileDurably } from '../../base/files.ts';
import { createKeyFile } from '../../base/keyfile.ts';
import { Catalogue } from './catalogue.ts';
import { projectFolder } from './folder.ts';
import { issueToken } from './issued-token.ts';
import { migrate } from './migrations.ts';
import { firstSchema } from './schema.ts';

export interface ProjectSettings {
  /** A folder that does not exist yet, or is empty. */
  readonly path: string;
  readonly name?: string;
  /** Host name of the Storage URL. */
  readonly stackId?: string;
}

/**
 * Makes a project: folders, key, catalogue and the project's own token (its secret in `token`). The catalogue comes last, under its
 * name only when it is complete: an `init` that was killed leaves no project, and can be run again.
 * @throws UserError when there is a project already, or other things
 */
export async function initProject(settings: ProjectSettings): Promise<{ readonly id: string; readonly path: string }> {
  const folder = projectFolder(settings.path);
  await privateDirectory(folder.root);
  await assertFree(folder.root);
  await chmod(folder.root, 0o700);
  for (const directory of [folder.tables, folder.files, folder.staged, folder.temp]) await privateDirectory(directory);
  await rm(folder.key, { force: true });
  await createKeyFile(folder.key);
  const id = String(randomInt(1000, 2 ** 31));
  const stackId = settings.stackId ?? 'connection.local';
  const values = {
    formatVersion: '1',
    id,
    name: settings.name ?? 'default',
    features: '["new-native-types"]',
    stackId,
    url: `https://${stackId}`,
    fileStorageProvider: 'aws',
    branchId: String(randomInt(1000, 2 ** 31)),
  };
  const temporary = join(folder.root, `.init-${randomBytes(6).toString('hex')}`);
  let secret = '';
  Catalogue.create(temporary, (catalogue) => {
    catalogue.script(firstSchema);
    for (const [key, value] of Object.entries(values)) catalogue.run('INSERT INTO meta VALUES (?, ?)', key, value);
    migrate(catalogue, 1);
    secret = issueToken(catalogue, { kind: 'admin', description: 'componentd', expires: undefined }).secret;
  });
  await chmod(temporary, 0o600);
  await writeFileDurably(folder.token, `${secret}\n`);
  await link(temporary, folder.catalogue);
  await rm(temporary);
  for (const directory of [join(folder.root, 'data'), folder.root, dirname(folder.root)])
    await syncDirectory(directory);
  return { id, path: folder.root };
}

/** What an `init` leaves that did not come to its end. */
const unfinished = /^(data|staged|temp|key|token|\.init-.*|\..*\.tmp)$/;

async function assertFree(root: string): Promise<void> {
  const names = await readdir(root);
  if (names.includes('catalogue.sqlite')) {
    throw new UserError(`${root} is a project already`, { hint: 'Use it, or name another folder.' });
  }
  const foreign = names.filter((name) => !unfinished.test(name));
  if (foreign.length === 0) return;
  throw new UserError(`${root} is not empty: ${foreign.slice(0, 5).join(', ')}`, { hint: 'Name a new folder.' });
}
