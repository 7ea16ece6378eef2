import { UserError } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import type { Containerd } from '../containerd/client.ts';
import type { LocalImages } from '../image/local.ts';
import { openContainerd, openLocalImages } from './compose.ts';
import type { Session } from './session.ts';

/** Opens what is on the node for one command. */
export async function withLocalImages<T>(
  { config }: Session,
  work: (local: LocalImages, client: Containerd) => Promise<T>,
): Promise<T> {
  const { client } = await openContainerd(config);
  try {
    return await work(await openLocalImages(client, config), client);
  } finally {
    client.close();
  }
}

/** What to say about names that no image has. */
export async function unknownImages(references: readonly string[], local: LocalImages): Promise<UserError> {
  const known = (await local.list()).images.flatMap(({ name }) => [name, shortName(name)]);
  const meant = references.length === 1 ? suggest(references[0] ?? '', known) : undefined;
  return new UserError(`there is no image ${references.join(', ')}`, {
    reason: 'image_not_present',
    hint: meant === undefined ? 'See `componentd image ls`.' : `Did you mean ${meant}?`,
  });
}

/** As Docker's users write it. */
export function shortName(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '');
}
