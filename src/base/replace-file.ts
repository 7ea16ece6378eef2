import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { syncDirectory } from './files.ts';

/**
 * Lets `write` fill a file of the caller: whoever looks sees the file of before or the whole new one. What stands at the path and is no regular
 * file, a pipe or a device, is written to as it is. The mode is what the umask says.
 * @throws what `write` throws, and the errors of the file system
 */
export async function replaceFile<T>(path: string, write: (destination: Writable) => Promise<T>): Promise<T> {
  const target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return path;
    throw error;
  });
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR', path });
  if (found !== undefined && !found.isFile()) return await write((await open(target, 'w')).createWriteStream());
  const temporary = join(dirname(target), `.${basename(target).slice(0, 200)}.${randomBytes(6).toString('hex')}`);
  const destination = (await open(temporary, 'wx', 0o666)).createWriteStream({ flush: true });
  try {
    const result = await write(destination);
    if (!destination.closed) await once(destination, 'close');
    await rename(temporary, target);
    await syncDirectory(dirname(target));
    return result;
  } catch (error) {
    destination.destroy();
    await rm(temporary, { force: true });
    throw error;
  }
}
