import { UserError } from '../../base/errors.ts';
import { type Directory, kindOf } from '../directory.ts';

/** One entry of a folder that a container could write. */
export interface Listed {
  /** Relative to the folder that was listed: `tables/cities.csv`. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** In words: `a symbolic link`. */
  readonly what: string;
  /** Another one after every change of content or mode. */
  readonly signature: string;
  readonly isReadable: boolean;
}

const maxEntries = 200_000;
const maxDepth = 64;

/**
 * Everything below a folder that is wanted, folders before what they hold, no link followed.
 * @throws UserError for more than 200,000 entries, 64 levels, or a name that is not UTF-8
 */
export async function listTree(
  directory: Directory,
  isWanted: (path: string) => boolean = () => true,
): Promise<readonly Listed[]> {
  const found: Listed[] = [];
  await list(directory, { prefix: '', depth: 0, found, isWanted });
  return found;
}

interface Walk {
  readonly prefix: string;
  readonly depth: number;
  readonly found: Listed[];
  readonly isWanted: (path: string) => boolean;
}

async function list(directory: Directory, walk: Walk): Promise<void> {
  const { prefix, depth, found, isWanted } = walk;
  if (depth > maxDepth) throw new UserError(`${directory.name} lies deeper than ${maxDepth} folders`);
  for (const name of await directory.names()) {
    const path = `${prefix}${name}`;
    if (!isWanted(path)) continue;
    const stats = await directory.stat(name);
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
    const content = kind === 'folder' ? '' : `${stats.size} ${stats.mtimeMs} ${stats.ino}`;
    const signature = `${kind} ${stats.mode} ${content}`;
    const mask = kind === 'folder' ? 0o500 : 0o400;
    found.push({ path, kind, what: kindOf(stats), signature, isReadable: (stats.mode & mask) === mask });
    if (found.length > maxEntries) throw new UserError(`${directory.name} holds more than ${maxEntries} entries`);
    if (kind !== 'folder') continue;
    await using child = await directory.child(name);
    await list(child, { ...walk, prefix: `${path}/`, depth: depth + 1 });
  }
}

/** What was added, changed or removed between two listings, in words. */
export function differences(before: readonly Listed[], after: readonly Listed[]): readonly string[] {
  const known = new Map(before.map(({ path, signature }) => [path, signature]));
  const there = new Set(after.map(({ path }) => path));
  return [
    ...after.flatMap(({ path, signature }) => {
      const old = known.get(path);
      return old === signature ? [] : [`${path} was ${old === undefined ? 'added' : 'changed'}`];
    }),
    ...before.filter(({ path }) => !there.has(path)).map(({ path }) => `${path} was removed`),
  ];
}
