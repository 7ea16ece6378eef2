import { createHash } from 'node:crypto';
import { UserError } from '../../base/errors.ts';
import { ulid } from '../../base/ids.ts';
import type { Containerd } from '../../containerd/client.ts';
import { noteUse } from '../last-use.ts';
import { readPresent } from '../present.ts';
import { findImage } from '../record.ts';
import type { ReadyImage } from '../types.ts';
import type { BaseImage } from './base-images.ts';
import type { BuildRequest } from './types.ts';

/** An image that was built before. */
export interface Built {
  readonly image: ReadyImage;
  /** The digests of its base images by their names; absent when they were too many to be noted. */
  readonly bases: Readonly<Record<string, string>> | undefined;
}

/** A host that never answers (RFC 2606): nobody asks a registry for it. */
export const builtHost = 'componentd.invalid';
/** Of a label in containerd: key and value. */
const mostLabelBytes = 4096;
const basesLabel = 'componentd.build.bases';
/** Changes whenever the same things would be built differently. */
const generation = 1;

/** What an image was built of; `undefined` for one that is built anew each time. */
interface Origin {
  readonly commit: string | undefined;
  readonly bases: readonly BaseImage[];
}

/** Reference of the image: the same for the same component, base image, commit, commands, parameters and secrets. */
export function builtName({ component, recipe, secretsMark }: BuildRequest, origin: Origin | undefined): string {
  const { repository, version, network, how } = recipe;
  const key =
    origin === undefined
      ? `once-${ulid().toLowerCase()}`
      : createHash('sha256')
          .update(JSON.stringify([generation, repository, version, network, how, secretsMark, origin.commit]))
          .update(JSON.stringify(origin.bases.map(({ digest }) => digest)))
          .digest('hex')
          .slice(0, 32);
  const repositoryName =
    component
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 100)
      .replace(/^-|-$/g, '') || 'component';
  return `${builtHost}/built/${repositoryName}:${key}`;
}

export async function findBuilt(
  client: Containerd,
  name: string,
  { snapshotter }: { readonly snapshotter: string },
): Promise<Built | undefined> {
  const record = await findImage(client, name);
  if (record === undefined || record.target === null) return undefined;
  try {
    const present = await readPresent(client, { name, target: record.target, snapshotter });
    if (present === undefined) return undefined;
    noteUse(client, name);
    return { image: present.image, bases: basesIn(record.labels[basesLabel]) };
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** For the image's record. */
export function builtLabels(bases: readonly BaseImage[]): Readonly<Record<string, string>> {
  const text = JSON.stringify(Object.fromEntries(bases.map(({ reference, digest }) => [reference, digest])));
  return basesLabel.length + Buffer.byteLength(text) > mostLabelBytes ? {} : { [basesLabel]: text };
}

function basesIn(label: string | undefined): Built['bases'] {
  return label === undefined ? undefined : (JSON.parse(label) as Record<string, string>);
}
