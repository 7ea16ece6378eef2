import type { Containerd } from '../containerd/client.ts';
import { setImageLabels } from '../containerd/image-labels.ts';
import { accessLabel, formatAccess, readAccess } from './access.ts';
import { type AskedRegistry, askRegistry } from './asked-registry.ts';
import type { Held } from './held.ts';
import { pullImage } from './pull.ts';
import type { RecordLabels } from './record.ts';
import type { Resolved } from './registry/registry.ts';
import { checkSignature } from './signatures/check.ts';
import { rememberedSignature, signatureLabels, signaturePolicyOf } from './signatures/policy.ts';
import type { ReadyImage } from './types.ts';
import type { Wish } from './wish.ts';
import type { Workplace } from './workplace.ts';

export interface Fetching {
  readonly held: Held | undefined;
  readonly wish: Wish;
  readonly at: Workplace;
}

/** What the registry says that the name means now, signed as the operator wants: pulled, or used as it is here. @throws see `ensureImage` */
export async function fromRegistry(client: Containerd, fetching: Fetching): Promise<ReadyImage> {
  const { held, wish, at } = fetching;
  using asked = askRegistry(wish, at);
  const { target, signature } = await resolveSigned(asked, fetching);
  // Who was given another digest has no right to this one yet.
  const before = held?.target.digest === target.digest ? readAccess(held.record) : undefined;
  const labels = (): RecordLabels => ({
    [accessLabel]: formatAccess(target.digest, asked.accessNow(before)),
    ...signature,
  });
  const present = held?.present?.image;
  if (held === undefined || present?.digest !== target.digest) {
    const image = await pullImage(client, { registry: asked.registry, reference: wish.reference, target, at, labels });
    tellOtherDigest(fetching, image);
    return image;
  }
  await setImageLabels(client, held.record.name, labels());
  at.emit({ type: 'image', image: present.name, status: 'present', digest: present.digest });
  tellOtherDigest(fetching, present);
  return present;
}

/** Nothing of an image is fetched before it is known to be signed. */
export async function resolveSigned(
  { registry }: AskedRegistry,
  { held, wish, at }: Fetching,
): Promise<{ readonly target: Resolved; readonly signature: RecordLabels }> {
  const { reference } = wish;
  at.emit({ type: 'image', image: reference.name, status: 'resolving' });
  const target = await registry.resolve();
  const policy = at.signatures && (await signaturePolicyOf(reference, target.digest, at.signatures));
  if (policy === undefined) return { target, signature: {} };
  if (held && rememberedSignature(held.record, policy) === 'signed')
    return { target, signature: signatureLabels(policy, true) };
  return { target, signature: await checkSignature(registry, { name: reference.name, policy, emit: at.emit }) };
}

function tellOtherDigest({ wish, at }: Fetching, image: ReadyImage): void {
  const { digest } = wish;
  const isIt = digest === undefined || digest === image.digest || digest === image.manifestDigest;
  if (isIt) return;
  const message = `${image.name} is ${image.digest} now, not ${digest} as requested; it is used all the same`;
  at.emit({ type: 'message', level: 'warning', message });
}
