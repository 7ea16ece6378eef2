import { closeSync, existsSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { InfrastructureError } from '../../base/errors.ts';
import type { ProjectFolder } from './folder.ts';
import { dataFile } from './table-state.ts';

/** Where a file of a commit was put, by its name. */
export type StagedPath = (name: string) => string;

/** Where a data file is: staged, or moved already by an attempt that crashed, or part of the table since long. */
export function dataPath(folder: ProjectFolder, stagedPath: StagedPath, data: string): string {
  const staged = stagedPath(dataFile(data));
  return existsSync(staged) ? staged : join(folder.tables, dataFile(data));
}

/** Renames files into place, durably, before the catalogue speaks of them; one that is there already was moved by an attempt that crashed. */
export function moveIn(from: StagedPath, to: string, names: readonly string[]): void {
  const here = names.filter((name) => existsSync(from(name)));
  for (const name of here) renameSync(from(name), join(to, name));
  for (const name of names) {
    if (existsSync(join(to, name))) continue;
    throw new InfrastructureError(`the staged data ${name} is gone`, { hint: 'It was collected: run the job again.' });
  }
  if (names.length === 0) return;
  const directory = openSync(to, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
