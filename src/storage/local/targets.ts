import { open } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';

/** Creates an empty file for a writer that would overwrite one. @throws UserError when its folder is not there, EEXIST when it is */
export async function claim(path: string): Promise<void> {
  try {
    await using _file = await open(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new UserError(`${path} cannot be written, its folder does not exist`, {
      cause: error,
      hint: 'Make the folder first, or name another path.',
    });
  }
}
