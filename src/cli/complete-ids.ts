import { basename } from 'node:path';
import type { Config } from '../config.ts';
import { jobFolders } from '../job/peek.ts';
import type { Need } from '../job/storage.ts';
import { listBuckets } from '../storage/local/buckets.ts';
import { listComponents } from '../storage/local/components.ts';
import { getConfiguration, listConfigurations } from '../storage/local/configuration-store.ts';
import { tableIds } from '../storage/local/existing-table.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { withProject } from './project.ts';

/** What has ids that a command line can name. */
export type Known = 'component' | 'config' | 'row' | 'table' | 'bucket' | 'job' | 'image';

/** What a project knows. */
type ProjectKnown = Exclude<Known, 'job' | 'image'>;

const most = 1000;
/** Who types does not wait for a containerd that hangs. */
const patienceMs = 1_000;

/** Ids of this kind, of `component` where they belong to one. None when they cannot be read: nobody wants an error while he types. */
export async function idsOf(kind: Known, config: Config, component: string | undefined): Promise<readonly string[]> {
  try {
    if (kind === 'image') return await imageNames(config);
    if (kind === 'job')
      return [
        'latest',
        ...(await jobFolders(config.stateDir))
          .toReversed()
          .slice(0, most)
          .map((path) => basename(path)),
      ];
    return await withProject(config, async ({ storage }) => idsIn(storage, kind, component).slice(0, most));
  } catch {
    return [];
  }
}

/** In full, and as Docker's users write it. */
async function imageNames(config: Config): Promise<readonly string[]> {
  const { connectContainerd } = await import('../containerd/client.ts');
  const { namespaceOf } = await import('./compose.ts');
  const { shortName } = await import('./local-images.ts');
  const client = connectContainerd({ address: config.address, namespace: namespaceOf(config.tenant) });
  try {
    const { images } = await client.call('Images.List', {}, { deadlineMs: patienceMs });
    return [...new Set(images.slice(0, most).flatMap(({ name }) => [shortName(name), name]))];
  } finally {
    client.close();
  }
}

function idsIn(storage: LocalStorage, kind: ProjectKnown, component: string | undefined): readonly string[] {
  const { catalogue } = storage.partsFor(...needsOf(kind));
  switch (kind) {
    case 'component':
      return listComponents(catalogue).map(({ id }) => id);
    case 'config':
      return listConfigurations(catalogue, component).map(({ id, name }) => (name === '' ? id : `${id}\t${name}`));
    case 'row':
      return listConfigurations(catalogue, component).flatMap(
        (found) => getConfiguration(catalogue, found.component, found.id)?.rows.map(({ id }) => id) ?? [],
      );
    case 'table':
      return tableIds(storage.partsFor());
    case 'bucket':
      return listBuckets(storage.partsFor()).map(({ id }) => id);
  }
}

function needsOf(kind: ProjectKnown): readonly Need[] {
  if (kind === 'component') return [{ on: 'components', to: 'read' }];
  return kind === 'config' || kind === 'row' ? [{ on: 'configurations', to: 'read' }] : [];
}
