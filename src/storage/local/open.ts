import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCipher } from '../../base/cipher.ts';
import { UserError } from '../../base/errors.ts';
import { loadKeyFile } from '../../base/keyfile.ts';
import type { ProjectInfo } from '../../job/storage.ts';
import { Catalogue } from './catalogue.ts';
import { Engine } from './engine/client.ts';
import { assertPrivate, projectFolder } from './folder.ts';
import { LocalStorage } from './local-storage.ts';

export interface OpenOptions {
  /** The project's folder. */
  readonly path: string;
  /** The table engine's script; engine/main.ts beside this file by default. A bundle names its own. */
  readonly engineEntry?: string;
  /** What DuckDB may use, `512MB` by default. */
  readonly memoryLimit?: string;
  readonly threads?: number;
}

/**
 * Opens a project that `initProject` made. Costs milliseconds: the table engine starts with the first table.
 * @throws UserError when the folder is missing, open to other users, or of another format
 */
export async function openLocalStorage(options: OpenOptions): Promise<LocalStorage> {
  const folder = projectFolder(resolve(options.path));
  for (const path of [folder.root, folder.catalogue]) await assertPrivate(path);
  const key = await loadKeyFile(folder.key);
  const catalogue = Catalogue.open(folder.catalogue);
  try {
    const project = projectInfo(catalogue);
    const token = catalogue.one("SELECT id, description FROM tokens WHERE kind = 'admin' ORDER BY id");
    if (token === undefined) throw new UserError(`${folder.root} has no token`);
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
      token: { id: String(token.id), description: token.description as string },
    });
  } catch (error) {
    catalogue.close();
    throw error;
  }
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
