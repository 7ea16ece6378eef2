import { UserError } from '../base/errors.ts';
import { defaultLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Image } from '../gen/containerd.ts';
import { assemble, noSource } from './assemble.ts';
import { withLease } from './leased.ts';
import { type PresentImage, readPresent } from './present.ts';
import { findImage } from './record.ts';
import { isDigest, parseReference, type Reference } from './reference.ts';
import { Turns } from './turns.ts';
import type { ImageRequest, ReadyImage } from './types.ts';
import type { Workplace } from './workplace.ts';

const notPresentHint = 'Import the image, or allow it to be pulled.';

/** See {@link Workplace}; `turns` are to be shared by calls that should fetch and unpack a layer once. */
export type EnsureOptions = Pick<Workplace, 'emit' | 'signal'> & Partial<Workplace>;

/**
 * Makes an image ready to run as its policy says. An image whose record is there while content or snapshots are gone is mended.
 * A tag that no longer leads to the requested digest is used all the same, with a warning: whoever needs exactly one content asks for
 * `repository@sha256:…`.
 * @throws UserError for a reference, image or access that the author of the request must mend; InfrastructureError for the rest
 */
export async function ensureImage(
  client: Containerd,
  request: ImageRequest,
  options: EnsureOptions,
): Promise<ReadyImage> {
  const at: Workplace = { limits: defaultLimits, snapshotter: 'overlayfs', turns: new Turns(), ...options };
  const reference = parseReference(request.reference);
  if (request.digest !== undefined && !isDigest(request.digest)) {
    throw new UserError(`${JSON.stringify(request.digest.slice(0, 200))} is not a digest of ${reference.name}`);
  }
  const record = await findImage(client, reference.name);
  const present = record && (await presentOf(client, record, at));
  const matches = present !== undefined && hasDigest(present, request.digest ?? reference.digest);
  if (matches && request.policy !== 'always') return announce(at, present.image);
  if (request.policy === 'never') return withoutRegistry(client, { reference, record, request, at });

  at.emit({ type: 'image', image: reference.name, status: 'resolving' });
  // Only who needs a registry pays for HTTP: its modules take 30 ms to load.
  const [{ Registry }, { pullImage }, { credentialsFor }] = await Promise.all([
    import('./registry/registry.ts'),
    import('./pull.ts'),
    import('./credentials/request.ts'),
  ]);
  const credentials = credentialsFor(reference, request.credentials, at.credentials);
  using registry = new Registry({ ...at, reference, credentials });
  const target = await registry.resolve();
  const image =
    present?.image.digest === target.digest
      ? announce(at, present.image)
      : await pullImage(client, { reference, registry, target, at });
  if (
    request.digest !== undefined &&
    image.digest !== request.digest &&
    !(present && hasDigest(present, request.digest))
  ) {
    const message = `${reference.name} is ${image.digest} now, not ${request.digest} as requested; it is used all the same`;
    at.emit({ type: 'message', level: 'warning', message });
  }
  return image;
}

/** An image of another client's making that cannot be used counts as absent: the registry may have a better one by now. */
async function presentOf(
  client: Containerd,
  { name, target }: Image,
  { snapshotter }: Workplace,
): Promise<PresentImage | undefined> {
  if (target === null) return undefined;
  try {
    return await readPresent(client, { name, target, snapshotter });
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function hasDigest({ image, manifestDigest }: PresentImage, digest: string | undefined): boolean {
  return digest === undefined || digest === image.digest || digest === manifestDigest;
}

function announce(at: Workplace, image: ReadyImage): ReadyImage {
  at.emit({ type: 'image', image: image.name, status: 'present', digest: image.digest });
  return image;
}

interface Local {
  readonly reference: Reference;
  readonly record: Image | undefined;
  readonly request: ImageRequest;
  readonly at: Workplace;
}

/** Content that is complete and only not unpacked can be made ready without a registry. */
async function withoutRegistry(client: Containerd, { reference, record, request, at }: Local): Promise<ReadyImage> {
  const { name } = reference;
  const target = record?.target;
  const wanted = request.digest ?? target?.digest;
  if (!target || target.digest !== wanted) {
    const under = target ? ` as ${wanted}, only as ${target.digest}` : '';
    throw new UserError(`${name} is not present${under}, and pulling it is not allowed`, {
      reason: 'image_not_present',
      hint: notPresentHint,
    });
  }
  return withLease(client, at.emit, (lease) =>
    assemble(client, { ...at, name, target, lease, source: noSource(name, notPresentHint) }),
  );
}
