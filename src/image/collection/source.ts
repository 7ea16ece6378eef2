import type { Image } from '../../gen/containerd.ts';
import { readAccess } from '../access.ts';
import { builtHost } from '../build/built.ts';
import { parseReference } from '../reference.ts';
import type { Stock } from './stock.ts';

/** Where an image came from, as `host/repository`; none for one of an archive, or built here. */
export function sourcesOf(image: Image, { sources }: Pick<Stock, 'sources'>): readonly string[] {
  const access = readAccess(image);
  const own = access === undefined || access.kind === 'own' ? undefined : repositoryOf(image);
  return [...new Set([...(sources.get(image.target?.digest ?? '') ?? []), ...(own === undefined ? [] : [own])])];
}

export function isBuilt({ name }: Pick<Image, 'name'>): boolean {
  return name.startsWith(`${builtHost}/`);
}

/** Whether the registry that the image's name names has given it, or it was built here. What came from an archive is perhaps nowhere else. */
export function canBeHadAgain(image: Image, stock: Pick<Stock, 'sources'>): boolean {
  return isBuilt(image) || sourcesOf(image, stock).includes(repositoryOf(image) ?? '');
}

/** A record of another client may have any name. */
function repositoryOf({ name }: Image): string | undefined {
  try {
    const { domain, path } = parseReference(name);
    return `${domain}/${path}`;
  } catch {
    return undefined;
  }
}
