import { execFile } from 'node:child_process';
import { constants, type Stats } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InfrastructureError } from '../base/errors.ts';
import type { Mount } from '../gen/containerd.ts';

interface Node {
  readonly kind: 'directory' | 'file' | 'link' | 'other';
  /** The entry itself; for a directory, its part in every layer that has one, the topmost first. */
  readonly places: readonly string[];
  /** Owner and mode that show: those of the first place. */
  readonly stats: Pick<Stats, 'mode' | 'uid' | 'gid'>;
}

/** What a process in the root would find at a path. */
export interface RootfsEntry extends Node {
  readonly kind: 'directory' | 'file' | 'other';
  /** The directories on the way to it, from the top. */
  readonly within: readonly Node[];
}

const maxLinks = 40;

/** The directories of a read-only root, the topmost first; `undefined` for a snapshotter that does not show them. */
export function lowerDirectories(mounts: readonly Mount[]): readonly string[] | undefined {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  if (mount.type === 'bind') return [mount.source];
  const lower = mount.options.find((option) => option.startsWith('lowerdir='));
  return mount.type === 'overlay' ? lower?.slice('lowerdir='.length).split(':') : undefined;
}

/**
 * Reads a file as overlayfs would show it. `undefined` when there is nothing, or no regular file of at most `limit` bytes.
 * See {@link findInLayers}.
 */
export async function readFromLayers(
  layers: readonly string[],
  path: string,
  limit: number,
): Promise<Buffer | undefined> {
  const found = await findInLayers(layers, path);
  return found?.kind === 'file' ? readRegular(found.places[0] as string, limit) : undefined;
}

/**
 * Finds a path as overlayfs would show it, without mounting: whiteouts and opaque directories hide, links are resolved inside the root and
 * at most 40 of them. `undefined` when there is nothing.
 */
export async function findInLayers(layers: readonly string[], path: string): Promise<RootfsEntry | undefined> {
  const root: Node = { kind: 'directory', places: layers, stats: { mode: 0o755, uid: 0, gid: 0 } };
  let trail: Node[] = [];
  let steps = path.split('/');
  let links = 0;
  while (steps.length > 0) {
    const [name, ...rest] = steps as [string, ...string[]];
    steps = rest;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      trail.pop();
      continue;
    }
    const found = await merged(trail.at(-1) ?? root, name);
    if (found === undefined) return undefined;
    if (found.kind !== 'link') {
      trail.push(found);
      continue;
    }
    links += 1;
    if (links > maxLinks) return undefined;
    const target = await readlink(found.places[0] as string);
    if (target.startsWith('/')) trail = [];
    steps = [...target.split('/'), ...rest];
  }
  const last = trail.at(-1) ?? root;
  return { ...last, kind: last.kind as RootfsEntry['kind'], within: trail.slice(0, -1) };
}

async function merged(directory: Node, name: string): Promise<Node | undefined> {
  if (directory.kind !== 'directory') return undefined;
  const places: string[] = [];
  let top: Stats | undefined;
  for (const part of directory.places) {
    const place = join(part, name);
    const stats = await lstatIfPresent(place);
    if (stats === undefined) continue;
    if (stats.isDirectory()) {
      // Only a directory with something above it can be cut off from what is below it.
      if (places.length > 0 && (await isOpaque(places.at(-1) as string))) break;
      places.push(place);
      top ??= stats;
      continue;
    }
    const isWhiteout = stats.isCharacterDevice() && stats.rdev === 0;
    if (places.length > 0 || isWhiteout) break;
    return { kind: stats.isSymbolicLink() ? 'link' : stats.isFile() ? 'file' : 'other', places: [place], stats };
  }
  return top === undefined ? undefined : { kind: 'directory', places, stats: top };
}

async function lstatIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Node reads no extended attributes; tar, which every system has, writes them into the header of an archive. */
async function isOpaque(directory: string): Promise<boolean> {
  const attributes = ['trusted.overlay.opaque', 'user.overlay.opaque'];
  const include = attributes.map((attribute) => `--xattrs-include=${attribute}`);
  const argv = [
    '--format=posix',
    '--xattrs',
    ...include,
    '--no-recursion',
    '--directory',
    directory,
    '--create',
    '--file=-',
    '.',
  ];
  try {
    const { stdout } = await promisify(execFile)('tar', argv, { encoding: 'buffer', timeout: 10_000 });
    return attributes.some((attribute) => stdout.includes(`SCHILY.xattr.${attribute}=y`));
  } catch (error) {
    throw new InfrastructureError(`tar cannot read the attributes of ${directory}`, { cause: error });
  }
}

/** Never waits: what was a regular file a moment ago may be a FIFO now. */
async function readRegular(path: string, limit: number): Promise<Buffer | undefined> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (!stats.isFile() || stats.size > limit) return undefined;
  const bytes = Buffer.alloc(stats.size);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}
