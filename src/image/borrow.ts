import type { Readable } from 'node:stream';
import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { isAdmitted } from './admission.ts';
import { assembleArchive } from './archive/import.ts';
import { assemble, noSource } from './assemble.ts';
import { findHeld } from './held.ts';
import { withLease } from './leased.ts';
import { registrySource } from './pull.ts';
import type { ReadyImage } from './types.ts';
import { readWish } from './wish.ts';
import type { Workplace } from './workplace.ts';

/** An image of this node or its registry, or the only one of an archive. */
export type ImageSource =
  | { readonly reference: string }
  | { readonly archive: string | Readable; readonly name: string };

/**
 * Makes an image ready to run for as long as `use` takes, without giving it a name on this node: a lease alone keeps it, so that a crash
 * leaves nothing but that. What is on the node under the reference is used as it is; else it is pulled.
 * @throws what `ensureImage` and `importArchive` throw; UserError for an archive of several images
 */
export async function borrowImage<T>(
  client: Containerd,
  source: ImageSource,
  at: Workplace,
  use: (image: ReadyImage) => Promise<T>,
): Promise<T> {
  const bring = 'reference' in source ? fromNodeOrRegistry : fromArchive;
  return withLease(client, at.emit, async (lease) => use(await bring(client, source as never, { ...at, lease })), {
    collect: true,
  });
}

type Borrowing = Workplace & { readonly lease: string };

async function fromNodeOrRegistry(
  client: Containerd,
  source: { readonly reference: string },
  at: Borrowing,
): Promise<ReadyImage> {
  const wish = readWish({ ...source, policy: 'missing' });
  const { name } = wish.reference;
  const held = await findHeld(client, wish, at);
  if (held?.present && (await isAdmitted(client, { held, wish, at }))) {
    return assemble(client, { ...at, name, target: held.target, source: noSource(name, 'Pull the image once more.') });
  }
  const [{ askRegistry }, { resolveSigned }] = await Promise.all([
    import('./asked-registry.ts'),
    import('./from-registry.ts'),
  ]);
  using asked = askRegistry(wish, at);
  const { target } = await resolveSigned(asked, { held, wish, at });
  const image = await assemble(client, { ...at, name, target, source: registrySource(asked.registry, wish.reference) });
  at.emit({ type: 'image', image: name, status: 'ready', digest: image.digest });
  return image;
}

async function fromArchive(
  client: Containerd,
  { archive, name }: { readonly archive: string | Readable; readonly name: string },
  at: Borrowing,
): Promise<ReadyImage> {
  const [only, ...others] = await assembleArchive(client, { source: archive, name, lease: at.lease }, at);
  if (only !== undefined && others.length === 0) return only.image;
  throw new UserError(`${name} holds ${others.length + 1} images`, { hint: 'Give an archive of one image.' });
}
