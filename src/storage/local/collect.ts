import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalogue } from './catalogue.ts';
import { maxAgeDays } from './files.ts';
import type { ProjectFolder } from './folder.ts';
import { isImport } from './import-id.ts';
import { dataFile } from './table-state.ts';

const dayMs = 24 * 60 * 60 * 1000;

export interface CollectOptions {
  /** Things younger than this stay: they may belong to a job that runs or will be resumed, or to a reader. A day by default. */
  readonly olderThanMs?: number;
  /**
   * The same for what was staged by other things than an import: a job may work for long between its first output and its commit, on
   * a node that we know nothing of. 30 days by default.
   */
  readonly stagedOlderThanMs?: number;
  /** What was staged under such an id stays, however old. None by default. */
  readonly keep?: (commitId: string) => boolean;
}

/**
 * Removes what nobody needs: data files without a table or file, what was staged and never committed, temporary files, expired
 * tokens of jobs, and files past their age. Safe beside running jobs as long as `olderThanMs` covers them. Returns the removed paths, below
 * the project's folder.
 */
export async function collect(
  catalogue: Catalogue,
  folder: ProjectFolder,
  { olderThanMs = dayMs, stagedOlderThanMs = 30 * dayMs, keep = () => false }: CollectOptions = {},
): Promise<readonly string[]> {
  const now = Date.now();
  const before = now - olderThanMs;
  expire(catalogue, now);
  const isYoungGarbage = new Set(
    catalogue.all('SELECT path FROM garbage WHERE since > ?', before).map(({ path }) => path as string),
  );
  const removed: string[] = [];
  const sweep = async (
    directory: string,
    isNeeded: (name: string) => boolean,
    bornBefore: (name: string) => number = () => before,
  ): Promise<void> => {
    for (const name of await readdir(join(folder.root, directory))) {
      const path = join(directory, name);
      const full = join(folder.root, path);
      if (isNeeded(name)) continue;
      const changed = await stat(full).then(
        ({ ctimeMs }) => ctimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (changed > bornBefore(name)) continue;
      await rm(full, { recursive: true, force: true });
      removed.push(path);
    }
  };
  const isReferenced = (sql: string, name: string): boolean => catalogue.one(sql, name) !== undefined;
  await sweep('data/tables', (name) => {
    const data = name.endsWith(dataFile('')) ? name.slice(0, -dataFile('').length) : name;
    return isYoungGarbage.has(join('tables', name)) || isReferenced('SELECT 1 FROM segments WHERE data = ?', data);
  });
  await sweep('data/files', (name) => {
    return isYoungGarbage.has(join('files', name)) || isReferenced('SELECT 1 FROM files WHERE data = ?', name);
  });
  await sweep('', (name) => !/^\.(init|upgrade)-/.test(name));
  await sweep('staged', keep, (name) => (isImport(name) ? before : now - stagedOlderThanMs));
  await sweep('temp', () => false);
  catalogue.run('DELETE FROM garbage WHERE since <= ?', before);
  return removed;
}

/** Removes data files that were replaced longer ago than any reader reads: what every commit does along the way. */
export async function removeReplaced(catalogue: Catalogue, folder: ProjectFolder): Promise<void> {
  const before = Date.now() - dayMs;
  const replaced = catalogue.all('SELECT path FROM garbage WHERE since < ?', before);
  if (replaced.length === 0) return;
  for (const { path } of replaced) await rm(join(folder.root, 'data', path as string), { force: true });
  catalogue.run('DELETE FROM garbage WHERE since < ?', before);
}

function expire(catalogue: Catalogue, now: number): void {
  catalogue.write(() => {
    const born = now - maxAgeDays * dayMs;
    const old = 'FROM files WHERE isPermanent = 0 AND created < ?';
    catalogue.run(`INSERT OR IGNORE INTO garbage (path, since) SELECT 'files/' || data, ? ${old}`, now, born);
    catalogue.run(`DELETE ${old}`, born);
    // A job that asks for its commit's result again does so within days.
    catalogue.run('DELETE FROM commits WHERE created < ?', now - 90 * dayMs);
    // Those of people stay, so that whoever uses one is told that it has expired.
    catalogue.run("DELETE FROM tokens WHERE expires < ? AND kind = 'job'", now);
  });
}
