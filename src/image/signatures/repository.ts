import { registryName } from '../../base/image-trust.ts';
import { parseReference, type Reference } from '../reference.ts';

/** `registry/repository` in the one spelling by which rules and signatures are compared. */
export function repositoryOf({ domain, path }: Pick<Reference, 'domain' | 'path'>): string {
  return `${registryName(domain) ?? domain}/${path}`;
}

/** The same of a reference that a stranger wrote; `undefined` when it is none. */
export function repositoryNamed(text: string): string | undefined {
  try {
    return repositoryOf(parseReference(text));
  } catch {
    return undefined;
  }
}
