import { constants } from 'node:fs';
import { cp, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import { createDataDir, createTmp, type DataDir, dataDirOf, resetOwnership } from '../data-dir.ts';
import { Directory } from '../directory.ts';
import { renderDocument } from '../document.ts';

/** What a container is to find in its data folder. */
export interface Furnishing {
  readonly config: Json;
  readonly isProcessor: boolean;
  /** See `CheckRequest.dataFolder`. */
  readonly dataFolder: string | undefined;
}

/** Makes the data folder of one trial below the check's own folder. @throws UserError when the given inputs cannot be used */
export async function furnish(folder: string, trial: number, given: Furnishing): Promise<DataDir> {
  const dir = dataDirOf(folder, trial);
  createDataDir(dir);
  createTmp(dir, 0);
  if (given.dataFolder !== undefined) {
    await copyInputs(given.dataFolder, join(dir.data, 'in'));
    await resetOwnership(dir);
  }
  await using data = await Directory.open(dir.data, 'data');
  await data.replaceFile('config.json', await renderDocument(given.config, 'json'));
  if (given.isProcessor) return dir;
  await using input = await data.child('in');
  if (!(await input.exists('state.json'))) await input.replaceFile('state.json', '{}\n');
  return dir;
}

/** Refuses a folder that is not made like /data. @throws UserError */
export async function refuseOddDataFolder(folder: string): Promise<void> {
  const found = await stat(join(folder, 'in')).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new UserError(`${folder} has no folder "in"`, {
    hint: 'Give a folder that is made like /data: in/tables, in/files, and if you like in/state.json and config.json.',
  });
}

/** Folders and regular files, by reflink where that is possible; links and the like stay behind. */
async function copyInputs(from: string, to: string): Promise<void> {
  for (const entry of await readdir(join(from, 'in'), { withFileTypes: true })) {
    if (!entry.isDirectory() && !entry.isFile()) continue;
    await cp(join(from, 'in', entry.name), join(to, entry.name), {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      filter: async (source) => {
        const stats = await lstat(source);
        return stats.isDirectory() || stats.isFile();
      },
    });
  }
}
