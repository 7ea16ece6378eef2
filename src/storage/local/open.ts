import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCipher } from '../../base/cipher.ts';
import { UserError } from '../../base/errors.ts';
import { loadKeyFile } from '../../base/keyfile.ts';
import type { ProjectInfo } from '../../job/storage.ts';
import { Catalogue } from './catalogue.ts';
import { Engine } from './engine/client.ts';
import { assertPrivateProject, projectFolder } from './folder.ts';
import { Guard } from './guard.ts';
import { tokenOf } from './holder.ts';
import { LocalStorage } from './local-storage.ts';
import { projectToken } from './project-token.ts';
import { tokenInfo } from './tokens.ts';

export interface OpenOptions {
  /** The project's folder. */
  readonly path: string;
  /** The table engine's script; engine/main.ts beside this file by default. A bundle names its own. */
  readonly engineEntry?: string;
  /** What DuckDB may use, `512MB` by default. */
  readonly memoryLimit?: string;
  readonly threads?: number;
  /** What the caller may: the token of this secret; the project's own by default, whose secret lies in the folder. */
  readonly token?: GivenToken;
}

/** A secret, and how messages call the place it came from. */
export interface GivenToken {
  readonly secret: string;
  readonly from: string;
}

/**
 * Opens a project that `initProject` made. Costs milliseconds: the table engine starts with the first table.
 * @throws UserError when the folder is missing, open to other users, or of another format, or the token is worth nothing
 */
export async function openLocalStorage(options: OpenOptions): Promise<LocalStorage> {
  const folder = projectFolder(resolve(options.path));
  await assertPrivateProject(folder);
  const key = await loadKeyFile(folder.key);
  const catalogue = Catalogue.open(folder.catalogue);
  try {
    const project = projectInfo(catalogue);
    const id =
      options.token === undefined ? await projectToken(folder, catalogue) : givenToken(catalogue, options.token);
    const token = tokenInfo(catalogue, id) ?? { id, description: '' };
    const guard = new Guard(catalogue, token);
    guard.require();
    const settings = {
      tempDirectory: folder.temp,
      memoryLimit: options.memoryLimit ?? '512MB',
      threads: options.threads ?? 2,
    };
    return new LocalStorage({
      folder,
      catalogue,
      engine: new Engine(options.engineEntry ?? fileURLToPath(new URL('./engine/main.ts', import.meta.url)), settings),
      secrets: { cipher: createCipher(key), project: project.id },
      project,
      token,
      guard,
    });
  } catch (error) {
    catalogue.close();
    throw error;
  }
}

function givenToken(catalogue: Catalogue, { secret, from }: GivenToken): string {
  const found = tokenOf(catalogue, secret);
  if (found !== undefined) return found.id;
  throw new UserError(`the secret in ${from} is of no token of this project, or the token was revoked`, {
    reason: 'token',
    hint: 'Look at --project, or ask whoever manages the tokens for a new one.',
  });
}

function projectInfo(catalogue: Catalogue): ProjectInfo {
  const meta = new Map(
    catalogue.all('SELECT key, value FROM meta').map(({ key, value }) => [key as string, value as string]),
  );
  const text = (key: string): string => meta.get(key) ?? '';
  return Object.freeze({
    id: text('id'),
    name: text('name'),
    features: JSON.parse(text('features')) as string[],
    stackId: text('stackId'),
    url: text('url'),
    fileStorageProvider: text('fileStorageProvider') as ProjectInfo['fileStorageProvider'],
    branchId: text('branchId'),
  });
}
