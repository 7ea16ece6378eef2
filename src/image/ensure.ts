import { UserError } from '../base/errors.ts';
import { defaultLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';
import { accessRulesOf } from './access.ts';
import { isAdmitted } from './admission.ts';
import { assemble, noSource } from './assemble.ts';
import { builtHost } from './build/built.ts';
import { findHeld, type Held, suits } from './held.ts';
import { withLease } from './leased.ts';
import { Turns } from './turns.ts';
import type { ImageRequest, ReadyImage } from './types.ts';
import { readWish, type Wish } from './wish.ts';
import type { Workplace } from './workplace.ts';

const notPresentHint = 'Import the image, or allow it to be pulled.';

/** See {@link Workplace}; `turns` are to be shared by calls that should fetch and unpack a layer once. */
export type EnsureOptions = Pick<Workplace, 'emit' | 'signal'> & Partial<Workplace>;

/**
 * Makes an image ready to run as its policy says: the one that is here, if whoever asks may use it and it is signed as the operator wants,
 * or what the registry gives, if that is signed. An image whose record is there while content or snapshots are gone is mended.
 * A tag that no longer leads to the requested digest is used all the same, with a warning, unless the policy is `digest`.
 * @throws UserError for a reference, image, access or signature that is not in order; InfrastructureError for the rest
 */
export async function ensureImage(
  client: Containerd,
  request: ImageRequest,
  options: EnsureOptions,
): Promise<ReadyImage> {
  const defaults = { limits: defaultLimits, access: accessRulesOf(), snapshotter: 'overlayfs', turns: new Turns() };
  const at: Workplace = { ...defaults, ...options };
  const wish = readWish(request);
  if (wish.reference.domain === builtHost) throw mustBeBuilt(wish);
  const held = await findHeld(client, wish, at);
  const present = held && wish.policy !== 'always' && suits(held, wish) ? held.present : undefined;
  if (held && present && (await isAdmitted(client, { held, wish, at }))) {
    at.emit({ type: 'image', image: present.image.name, status: 'present', digest: present.image.digest });
    return present.image;
  }
  if (wish.policy === 'never') return await fromContent(client, { held, wish, at });
  // Only who needs a registry pays for HTTP: its modules take 30 ms to load.
  const { fromRegistry } = await import('./from-registry.ts');
  return await fromRegistry(client, { held, wish, at });
}

/** Who asks for it by its name has not shown that he may read what it was made of. */
function mustBeBuilt({ reference }: Wish): UserError {
  return new UserError(`${reference.name} was built here, and is had only by building it`, {
    reason: 'registry_denied',
    hint: 'Use a definition of the type builder.',
  });
}

interface Place {
  readonly held: Held | undefined;
  readonly wish: Wish;
  readonly at: Workplace;
}

/** Content that is complete and only not unpacked can be made ready without a registry. */
async function fromContent(client: Containerd, { held, wish, at }: Place): Promise<ReadyImage> {
  const { name } = wish.reference;
  const wanted = wish.digest ?? held?.target.digest;
  if (held === undefined || held.target.digest !== wanted) {
    const under = held ? ` as ${wanted}, only as ${held.target.digest}` : '';
    throw new UserError(`${name} is not present${under}, and pulling it is not allowed`, {
      reason: 'image_not_present',
      hint: notPresentHint,
    });
  }
  await isAdmitted(client, { held, wish, at });
  const { target } = held;
  return withLease(client, at.emit, (lease) =>
    assemble(client, { ...at, name, target, lease, source: noSource(name, notPresentHint) }),
  );
}
