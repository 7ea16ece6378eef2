import type { Readable } from 'node:stream';
import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { assembleArchive } from './archive/import.ts';
import { assemble, noSource } from './assemble.ts';
import { withLease } from './leased.ts';
import { readPresent } from './present.ts';
import { registrySource } from './pull.ts';
import { findImage } from './record.ts';
import { parseReference } from './reference.ts';
import type { ReadyImage } from './types.ts';
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
  const reference = parseReference(source.reference);
  const { name } = reference;
  const target = (await findImage(client, name))?.target;
  if (target && (await readPresent(client, { name, target, snapshotter: at.snapshotter })) !== undefined) {
    return assemble(client, { ...at, name, target, source: noSource(name, 'Pull the image once more.') });
  }
  at.emit({ type: 'image', image: name, status: 'resolving' });
  const { Registry } = await import('./registry/registry.ts');
  using registry = new Registry({ ...at, reference, credentials: at.credentials });
  const resolved = await registry.resolve();
  const image = await assemble(client, {
    ...at,
    name,
    target: resolved,
    source: registrySource(registry, reference),
  });
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
