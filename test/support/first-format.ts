import { chmod, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The project and state directory of the first format: see its README. */
export const firstFormat = join(import.meta.dirname, '../fixtures/project-v1');

/** A project of the first format at a new path, with the rights and the empty folders that git does not keep. */
export async function copyFirstProject(path: string): Promise<void> {
  await cp(join(firstFormat, 'project'), path, { recursive: true });
  for (const name of ['data/tables', 'data/files', 'staged', 'temp'])
    await mkdir(join(path, name), { recursive: true });
  await makePrivate(path);
}

/** Its jobs at a new path. */
export async function copyFirstState(path: string): Promise<void> {
  await cp(join(firstFormat, 'state'), path, { recursive: true });
  await makePrivate(path);
}

async function makePrivate(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
}
