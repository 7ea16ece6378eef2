import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { classify, InfrastructureError } from './errors.ts';

/** Makes a directory entry durable: fsync of the directory that holds it. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle: FileHandle = await open(path, 'r');
  await handle.sync();
}

/** Writes a file so that a reader sees the old or the new content and never a part: temporary file, fsync, rename, fsync of the directory. */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await using handle: FileHandle = await open(temporary, 'wx', mode);
    await handle.writeFile(content);
    await handle.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** The file's text, or `undefined` when there is no such file. */
export async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The bytes of a regular file, also where a symbolic link leads to it; `undefined` when there is none. Never waits for a pipe or a device.
 * @throws InfrastructureError naming the path when it is something else, longer than `limit` bytes, or cannot be read
 */
export async function readRegularFile(path: string, limit: number): Promise<Buffer | undefined> {
  const fail = (what: string, cause?: unknown): never => {
    throw new InfrastructureError(`${path} ${what}`, cause === undefined ? {} : { cause });
  };
  try {
    await using handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return fail('is not a regular file');
    const buffer = Buffer.allocUnsafe(limit + 1);
    let length = 0;
    for (let read = 1; read > 0; length += read) {
      ({ bytesRead: read } = await handle.read(buffer, length, buffer.length - length, null));
    }
    return length > limit ? fail(`is longer than ${limit} bytes`) : Buffer.from(buffer.subarray(0, length));
  } catch (error) {
    if (error instanceof InfrastructureError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return fail(`cannot be read: ${(error as Error).message}`, error);
  }
}

/**
 * A directory for our own eyes: created 0700 with its parents, left as it is when present.
 * @throws InfrastructureError naming the path when it cannot be made, or is something else
 */
export async function privateDirectory(path: string): Promise<string> {
  try {
    await makeDirectory(path);
    return path;
  } catch (error) {
    const known = classify(error);
    if (known.class === 'infrastructure') throw known;
    throw new InfrastructureError(`the directory ${path} cannot be made: ${(error as Error).message}`, {
      cause: error,
      hint: 'Name another place, or give access to this one.',
    });
  }
}

/** Not `recursive`: that never returns where a directory lets nobody make anything in it, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent);
    await mkdir(path, { mode: 0o700 }).catch((again: NodeJS.ErrnoException) => {
      // Another process was as quick.
      if (again.code !== 'EEXIST') throw again;
    });
  }
}
