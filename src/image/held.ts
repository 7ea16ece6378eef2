import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Image } from '../gen/containerd.ts';
import type { Descriptor } from './manifest.ts';
import { type PresentImage, readPresent } from './present.ts';
import { findImage } from './record.ts';
import type { Wish } from './wish.ts';
import type { Workplace } from './workplace.ts';

/** An image record that is here. */
export interface Held {
  readonly record: Image;
  readonly target: Descriptor;
  /** Absent when a document or the unpacked layers are not there, or it cannot run here. */
  readonly present: PresentImage | undefined;
}

/** An image that is here, and who wants to use it. */
export interface Asking {
  readonly held: Held;
  readonly wish: Wish;
  readonly at: Workplace;
}

/** What is here under one of the names of a wish: an image that suits it, else whatever there is. */
export async function findHeld(client: Containerd, wish: Wish, at: Workplace): Promise<Held | undefined> {
  let held: Held | undefined;
  for (const name of wish.names) {
    const record = await findImage(client, name);
    if (!record?.target) continue;
    held = { record, target: record.target, present: await presentOf(client, record.target, { name, at }) };
    if (suits(held, wish)) break;
  }
  return held;
}

/** Whether it is ready, and what is wanted. */
export function suits({ present }: Held, { digest }: Wish): boolean {
  if (present === undefined) return false;
  return digest === undefined || digest === present.image.digest || digest === present.manifestDigest;
}

/** An image of another client's making that cannot be used counts as absent: the registry may have a better one by now. */
async function presentOf(
  client: Containerd,
  target: Descriptor,
  { name, at }: { readonly name: string; readonly at: Workplace },
): Promise<PresentImage | undefined> {
  try {
    return await readPresent(client, { name, target, snapshotter: at.snapshotter });
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
