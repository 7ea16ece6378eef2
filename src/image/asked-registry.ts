import { type Access, givenNow } from './access.ts';
import { credentialsFor } from './credentials/request.ts';
import { Registry } from './registry/registry.ts';
import type { Wish } from './wish.ts';
import type { Workplace } from './workplace.ts';

/** The registry of an image, asked on behalf of whoever brings credentials, or of the tenant. */
export interface AskedRegistry extends Disposable {
  readonly registry: Registry;
  /** Who may use what it has given so far: everybody, unless it was told who asks. What is the tenant's own stays so. */
  accessNow(before: Access | undefined): Access;
}

export function askRegistry(
  { reference, credentials: given }: Pick<Wish, 'reference' | 'credentials'>,
  at: Workplace,
): AskedRegistry {
  const source = credentialsFor(reference, given, at.credentials);
  const told = { who: false };
  const credentials = source && {
    ...source,
    find: async (...query: Parameters<typeof source.find>) => {
      const secret = await source.find(...query);
      told.who ||= secret !== undefined;
      return secret;
    },
  };
  const registry = new Registry({ ...at, reference, credentials });
  return {
    registry,
    accessNow: (before) => {
      if (before?.kind === 'own') return before;
      return told.who || registry.isShownWho ? givenNow(before, given) : { kind: 'public' };
    },
    [Symbol.dispose]: () => registry[Symbol.dispose](),
  };
}
