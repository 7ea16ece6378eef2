import { UserError } from '../base/errors.ts';
import type { PullPolicy } from '../base/image-settings.ts';
import { isDigest, parseReference, type Reference } from './reference.ts';
import type { ImageRequest, RegistryCredentials } from './types.ts';

/** A request, read: which image is wanted, by whom. */
export interface Wish {
  /** What the registry is asked for, and how the image is called in messages. */
  readonly reference: Reference;
  /** Names under which the image may be here already. */
  readonly names: readonly string[];
  /** Of its index or its manifest; any when absent. */
  readonly digest: string | undefined;
  readonly policy: PullPolicy;
  readonly credentials: RegistryCredentials | undefined;
}

/** @throws UserError for what is no reference or digest, or a digest that is missing */
export function readWish({ reference: text, digest: wanted, policy, credentials }: ImageRequest): Wish {
  const reference = parseReference(text);
  const { name, domain, path } = reference;
  if (wanted !== undefined && !isDigest(wanted))
    throw new UserError(`${JSON.stringify(wanted.slice(0, 200))} is not a digest of ${name}`);
  const digest = wanted ?? reference.digest;
  if (policy !== 'digest') return { reference, names: [name], digest, policy, credentials };
  if (digest === undefined) {
    throw new UserError(`${name} is wanted without a digest, and only images with one may be used`, {
      reason: 'digest_missing',
      hint: 'Name it: definition.digest of the component, or repository@sha256:….',
    });
  }
  const exact = { ...reference, digest, name: `${domain}/${path}@${digest}` };
  return { reference: exact, names: [...new Set([name, exact.name])], digest, policy, credentials };
}
