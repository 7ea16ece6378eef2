import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { lstat, mkdir, rename } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { Directory, removeTree, runnerUser } from './directory.ts';

/**
 * The data folder of one row. `data` is one directory inode for the whole row: containers that were created ahead see every rotation.
 * What is thrown away goes to `trash`, and what leaves goes through `harvest`, both outside of what containers see.
 */
export interface DataDir {
  /** The row's own folder; 0700, ours. */
  readonly root: string;
  readonly data: string;
  readonly harvest: string;
}

export function dataDirOf(jobFolder: string, row: number): DataDir {
  const root = join(jobFolder, `row-${row}`);
  return { root, data: join(root, 'data'), harvest: join(root, 'harvest') };
}

/**
 * The folder tree of the contract, section 3.1. May be called again, but only before a container could have written to it: it goes by paths.
 * Synchronous, because a dozen small calls take less time than one turn of the thread pool each.
 */
export function createDataDir({ root, data }: DataDir): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  for (const folder of tree) {
    const path = join(data, folder);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o755);
    chownSync(path, runnerUser.uid, runnerUser.gid);
  }
}

const tree = [
  '',
  'in',
  'in/tables',
  'in/files',
  'in/user',
  'out',
  'out/tables',
  'out/files',
  'artifacts',
  'artifacts/out',
  'artifacts/out/current',
  'artifacts/out/shared',
];

/** Whether a path in a container lies in a folder that another one takes the place of between stages. */
export function isReplaced(path: string): boolean {
  return /^\/data\/(in|out)(\/|$)/.test(posix.normalize(path));
}

/** `/tmp` of one stage; empty, and its own. The row's folder is ours alone, so paths are safe in it. */
export function createTmp({ root }: DataDir, stage: number): string {
  const path = join(root, `tmp-${stage}`);
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
  chownSync(path, runnerUser.uid, runnerUser.gid);
  return path;
}

/** `out` becomes `in` after a stage that is not the last (contract 3.3). Idempotent: a crash anywhere inside is repaired by the next call. */
export async function rotate(dir: DataDir, stage: number): Promise<void> {
  const trash = join(dir.root, `trash-${stage}`);
  const [input, output] = [join(dir.data, 'in'), join(dir.data, 'out')];
  if (!(await exists(trash))) await ((await exists(input)) ? rename(input, trash) : mkdir(trash));
  if (!(await exists(input))) {
    await using out = await Directory.open(output, 'out');
    for (const name of ['state.json', 'state.yml']) await out.remove(name);
    await rename(output, input);
  }
  await using data = await Directory.open(dir.data, 'data');
  await fillTree(data);
}

/** What a rotation threw away, and the `/tmp` of the stage before it; only after the rotation has been recorded. */
export async function dropTrash(dir: DataDir, stage: number): Promise<void> {
  await removeTree(join(dir.root, `trash-${stage}`));
  await removeTree(join(dir.root, `tmp-${stage}`));
}

/** Takes `out` away from where containers can see it. Idempotent. */
export async function takeHarvest(dir: DataDir): Promise<Directory> {
  if (!(await exists(dir.harvest))) {
    const out = await Directory.open(join(dir.data, 'out'), 'out');
    await out[Symbol.asyncDispose]();
    await rename(join(dir.data, 'out'), dir.harvest);
  }
  return await Directory.open(dir.harvest, 'out');
}

/**
 * Gives everything that a root container made back to the runner user (contract 3.2). chown(1) and chmod(1) walk physically and by
 * descriptors, so no link is followed, however deep the tree is.
 */
export async function resetOwnership(dir: DataDir): Promise<void> {
  const run = promisify(execFile);
  await run('chown', ['-RhP', `${runnerUser.uid}:${runnerUser.gid}`, '--', dir.data], { timeout: 600_000 });
  await run('chmod', ['-R', 'u+rwX', '--', dir.data], { timeout: 600_000 });
}

async function fillTree(data: Directory): Promise<void> {
  for (const [parent, children] of [
    ['in', ['tables', 'files', 'user']],
    ['out', ['tables', 'files']],
  ] as const) {
    await data.ensureDirectory(parent);
    await using directory = await data.child(parent);
    for (const child of children) await ensureReal(directory, child);
  }
}

/** A component may have put anything under these names of what is now `in`; the contract makes folders of them only when they are missing. */
async function ensureReal(directory: Directory, name: string): Promise<void> {
  if ((await directory.exists(name)) && !(await directory.stat(name)).isDirectory()) return;
  await directory.ensureDirectory(name);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
