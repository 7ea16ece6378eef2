import { readFile, stat } from 'node:fs/promises';
import type { Cipher } from '../base/cipher.ts';
import { UserError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { type GivenToken, openLocalStorage } from '../storage/local/open.ts';

/** The embedded Storage of the project folder, and what opens its secrets. */
export interface OpenProject {
  /** With the rights of the token that the caller has. */
  readonly storage: LocalStorage;
  readonly cipher: Cipher;
}

/**
 * Opens the project with the caller's token, does the work, closes it.
 * @throws UserError when there is no project at the path, or the token is worth nothing
 */
export async function withProject<T>(config: Config, work: (project: OpenProject) => Promise<T>): Promise<T> {
  const token = await givenToken(config);
  await using storage = await openLocalStorage({ path: config.project, ...(token !== undefined && { token }) });
  return await work({ storage, cipher: storage.parts.secrets.cipher });
}

/** `--token-file`, else `COMPONENTD_TOKEN`; without both the project's own token is used, by whoever can read its folder. */
async function givenToken({ token, tokenFile }: Config): Promise<GivenToken | undefined> {
  if (tokenFile !== undefined) return { secret: await readSecret(tokenFile), from: tokenFile };
  return token === undefined ? undefined : { secret: token.trim(), from: 'COMPONENTD_TOKEN' };
}

/** A pipe is fine, too. */
async function readSecret(path: string): Promise<string> {
  try {
    const info = await stat(path);
    if (info.isFile() && (info.mode & 0o077) !== 0) {
      throw new UserError(`${path} is open to other users (mode ${(info.mode & 0o777).toString(8)})`, {
        hint: `chmod 600 ${path}`,
      });
    }
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`the token file ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
      hint: 'Name a file that holds the secret of a token with --token-file.',
    });
  }
}
