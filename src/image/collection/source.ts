import type { Image } from '../../gen/containerd.ts';
import { parseReference } from '../reference.ts';
import type { Stock } from './stock.ts';

/** On the record of an image that can be made again from what it was made of, without a registry. */
export const remakeableLabel = 'componentd.remakeable';

/** Where the image's top document came from, as `host/repository`; none for one of an archive. */
export function sourcesOf({ target }: Image, { sources }: Pick<Stock, 'sources'>): readonly string[] {
  return sources.get(target?.digest ?? '') ?? [];
}

/** Whether the registry that the image's name names has given it, or it was built here. What came from an archive is perhaps nowhere else. */
export function canBeHadAgain(image: Image, stock: Pick<Stock, 'sources'>): boolean {
  if (image.labels[remakeableLabel] !== undefined) return true;
  try {
    const { domain, path } = parseReference(image.name);
    return sourcesOf(image, stock).includes(`${domain}/${path}`);
  } catch {
    return false;
  }
}
