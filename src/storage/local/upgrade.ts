import { randomBytes } from 'node:crypto';
import { chmod, open, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { syncDirectory } from '../../base/files.ts';
import { Catalogue, formatOf } from './catalogue.ts';
import { assertPrivateProject, type ProjectFolder, projectFolder } from './folder.ts';
import { formatVersion, migrate, migrations } from './migrations.ts';

export interface Upgrade {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  /** What each step brings; none: the project is of today's format. */
  readonly steps: readonly string[];
  /** Where the catalogue of before is kept; absent when nothing was changed. */
  readonly backup?: string;
}

/**
 * Brings a project to today's format: a copy of its catalogue first, then all steps in one transaction. Killed at any instant, it leaves a
 * project of the old format or of the new one. With `dryRun` it only tells. Data files stay as they are.
 * @throws UserError when there is no project, when it is of a newer format, or when another process uses it
 */
export async function upgradeProject(path: string, { dryRun }: { readonly dryRun: boolean }): Promise<Upgrade> {
  const folder = projectFolder(resolve(path));
  await assertPrivateProject(folder);
  if (isCurrent(folder)) return { path: folder.root, from: formatVersion, to: formatVersion, steps: [] };
  const catalogue = Catalogue.openAlone(folder.catalogue);
  try {
    const from = formatOf(catalogue, folder.catalogue);
    const steps = migrations.slice(from - 1).map(({ what }) => what);
    const told = { path: folder.root, from, to: formatVersion, steps };
    if (steps.length === 0 || dryRun) return told;
    const backup = await keepCopy(catalogue, folder, from);
    catalogue.write(() => {
      migrate(catalogue, from);
      const broken = catalogue.all('PRAGMA foreign_key_check');
      if (broken.length === 0) return;
      throw new InfrastructureError(
        `${folder.catalogue} was not upgraded: ${broken.length} of its rows refer to nothing`,
      );
    });
    return { ...told, backup };
  } finally {
    catalogue.close();
  }
}

/** Asked first, beside others: who has nothing to upgrade disturbs nobody. */
function isCurrent({ catalogue }: ProjectFolder): boolean {
  try {
    Catalogue.open(catalogue).close();
    return true;
  } catch (error) {
    if (error instanceof UserError && error.reason === 'old_format') return false;
    throw error;
  }
}

/** A whole catalogue of its own from the moment it has its name; one that an earlier attempt left is replaced. */
async function keepCopy(catalogue: Catalogue, { root }: ProjectFolder, from: number): Promise<string> {
  const temporary = join(root, `.upgrade-${randomBytes(6).toString('hex')}`);
  const kept = join(root, `catalogue.format-${from}.sqlite`);
  try {
    catalogue.copyTo(temporary);
    await chmod(temporary, 0o600);
    {
      await using file = await open(temporary, 'r+');
      await file.sync();
    }
    await rename(temporary, kept);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(root);
  return basename(kept);
}
