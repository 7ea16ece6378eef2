import type { Cipher } from '../base/cipher.ts';
import type { Config } from '../config.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { openLocalStorage } from '../storage/local/open.ts';

/** The embedded Storage of the project folder, and what opens its secrets. */
export interface OpenProject {
  readonly storage: LocalStorage;
  readonly cipher: Cipher;
}

/** Opens the project, does the work, closes it. @throws UserError when there is no project at the path */
export async function withProject<T>(config: Config, work: (project: OpenProject) => Promise<T>): Promise<T> {
  await using storage = await openLocalStorage({ path: config.project });
  return await work({ storage, cipher: storage.parts.secrets.cipher });
}
