import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InfrastructureError } from './errors.ts';
import { syncDirectory } from './files.ts';

/** Bytes of a key: AES-256. */
export const keyBytes = 32;

/**
 * Makes a new key file: 32 random bytes, mode 0600, durable, and complete from the moment it has its name.
 * @throws InfrastructureError when the path exists: a key is never overwritten, because what it encrypted would be lost.
 */
export async function createKeyFile(path: string): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    {
      await using handle: FileHandle = await open(temporary, 'wx', 0o600);
      await handle.writeFile(randomBytes(keyBytes));
      await handle.sync();
    }
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new InfrastructureError(`the key file ${path} exists already and is not overwritten`, {
      cause: error,
      hint: 'Keep it, or move it away if nothing encrypted with it is needed any more.',
    });
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
}

/**
 * The key in a file that only its owner, this process's user, can read.
 * @throws InfrastructureError that names the file, what is wrong with it and the way out.
 */
export async function loadKeyFile(path: string): Promise<Buffer> {
  await using handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new InfrastructureError(`there is no key file ${path}`, {
        cause: error,
        hint: 'Put the key back from its backup, or run `componentd init` for a new project.',
      });
    },
  );
  const info = await handle.stat();
  const refuse = (what: string, hint: string): never => {
    throw new InfrastructureError(`the key file ${path} ${what}`, { hint });
  };
  if (!info.isFile()) refuse('is not a regular file', 'Name the file that holds the key.');
  const user = process.geteuid?.();
  if (info.uid !== user)
    refuse(
      `belongs to uid ${info.uid}, not to uid ${user}`,
      `Run \`chown ${user} ${path}\` if the key can be trusted.`,
    );
  if ((info.mode & 0o077) !== 0) {
    const mode = (info.mode & 0o777).toString(8).padStart(4, '0');
    refuse(
      `can be read or written by others (mode ${mode})`,
      `Run \`chmod 600 ${path}\`, and replace the key if others had access.`,
    );
  }
  if (info.size !== keyBytes) {
    refuse(`holds ${info.size} bytes and not ${keyBytes}`, 'Put the key back from its backup.');
  }
  return handle.readFile();
}
