import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rmdir, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { UserError } from '../base/errors.ts';

const maxEntries = 100_000;

/** Whose files the data folder holds: the contract's runner user. */
export const runnerUser = { uid: 1000, gid: 1000 } as const;

/**
 * A directory that a container could write, held by its descriptor. Every name is looked up relative to that descriptor and no link
 * is followed, so what a component put there cannot lead us anywhere else, not even by exchanging a folder for a link meanwhile.
 */
export class Directory implements AsyncDisposable {
  readonly #handle: FileHandle;
  /** How messages call it: `out/tables`. */
  readonly name: string;

  private constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.name = name;
  }

  /** @throws UserError when the path is not a real directory. */
  static async open(path: string, name: string): Promise<Directory> {
    try {
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      return new Directory(await open(path, flags), name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENOENT') {
        throw new UserError(`${name} in the data folder is not a directory`, {
          cause: error,
          hint: 'A component may fill the folders that it finds; it must not replace them.',
        });
      }
      throw error;
    }
  }

  child(name: string): Promise<Directory> {
    return Directory.open(this.#at(name), `${this.name}/${name}`);
  }

  /** Names in the directory, sorted by code unit. @throws UserError above 100,000 entries or when a name is not UTF-8. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of await opendir(this.#at('.'), { encoding: 'buffer' as BufferEncoding })) {
      const bytes = entry.name as unknown as Buffer;
      const name = bytes.toString('utf8');
      if (!Buffer.from(name, 'utf8').equals(bytes))
        throw new UserError(`${this.name} holds a name that is not UTF-8: ${JSON.stringify(name)}`);
      if (names.push(name) > maxEntries) throw new UserError(`${this.name} holds more than ${maxEntries} entries`);
    }
    return names.sort();
  }

  /** What the name itself is; a link is not followed. */
  stat(name: string): Promise<Stats> {
    return lstat(this.#at(name));
  }

  async exists(name: string): Promise<boolean> {
    return this.stat(name).then(
      () => true,
      () => false,
    );
  }

  /** Opens a regular file for reading. @throws UserError naming anything else; never blocks on a FIFO and never opens a device. */
  async openFile(name: string): Promise<FileHandle> {
    const before = await this.stat(name);
    if (!before.isFile()) throw new UserError(`${this.name}/${name} is ${kindOf(before)}, not a regular file`);
    let handle: FileHandle;
    try {
      handle = await open(this.#at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      throw new UserError(`${this.name}/${name} changed while it was read`, { cause: error });
    }
    const { ino, dev } = await handle.stat();
    if (ino !== before.ino || dev !== before.dev) {
      await handle.close();
      throw new UserError(`${this.name}/${name} changed while it was read`);
    }
    return handle;
  }

  /** The file's text, or `undefined` when there is none. @throws UserError above `maxBytes`. */
  async readText(name: string, maxBytes: number): Promise<string | undefined> {
    if (!(await this.exists(name))) return undefined;
    await using file = await this.openFile(name);
    const { size } = await file.stat();
    if (size > maxBytes) throw new UserError(`${this.name}/${name} has ${size} bytes; at most ${maxBytes} are read`);
    return await file.readFile('utf8');
  }

  /** Puts a file in place of whatever bears the name, owned by the runner user, 0644. */
  async replaceFile(name: string, content: string): Promise<void> {
    await this.remove(name);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    await using file = await open(this.#at(name), flags, 0o644);
    await file.writeFile(content);
    await file.chown(runnerUser.uid, runnerUser.gid);
  }

  /** Hands a file that we wrote to the runner user, 0644. */
  async handOver(name: string): Promise<void> {
    await using file = await this.openFile(name);
    await file.chown(runnerUser.uid, runnerUser.gid);
    await file.chmod(0o644);
  }

  /** A subdirectory of the runner user, made when it is missing. */
  async ensureDirectory(name: string): Promise<void> {
    await mkdir(this.#at(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await using made = await this.child(name);
    await made.#handle.chown(runnerUser.uid, runnerUser.gid);
    await made.#handle.chmod(0o755);
  }

  remove(name: string): Promise<void> {
    return removeTree(this.#at(name));
  }

  /** A path that leads to the name through the descriptor, for calls that take paths. Valid while the directory is open. */
  pathOf(name: string): string {
    return this.#at(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  #at(name: string): string {
    // By our number, not `self`: rm(1) must understand it, too.
    return `/proc/${process.pid}/fd/${this.#handle.fd}/${name}`;
  }
}

/** How messages call what is not a regular file. */
export function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return 'a regular file';
}

/** Entries that are removed here: a process of its own costs more than all of them. */
const smallTree = 64;

/**
 * Removes what a container wrote, whatever it is; following no link. A missing one is fine. Trees that are not small go through rm(1), which
 * needs no memory for a million names and no path for a depth beyond PATH_MAX.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code !== 'EISDIR' && code !== 'EPERM') throw error;
    const isGone = await removeSmallTree(path, { left: smallTree }).catch(() => false);
    if (!isGone) await promisify(execFile)('rm', ['-rf', '--one-file-system', '--', path]);
  }
}

/** False when the tree holds more entries than there is room for; part of it may be gone then. */
async function removeSmallTree(path: string, room: { left: number }): Promise<boolean> {
  {
    await using directory = await Directory.open(path, path);
    for await (const { name } of await opendir(directory.pathOf('.'), { bufferSize: smallTree })) {
      room.left -= 1;
      if (room.left < 0) return false;
      const entry = directory.pathOf(name);
      const isFolder = (await directory.stat(name)).isDirectory();
      if (!isFolder) await unlink(entry);
      else if (!(await removeSmallTree(entry, room))) return false;
    }
  }
  await rmdir(path);
  return true;
}
