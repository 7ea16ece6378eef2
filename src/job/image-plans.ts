import { isDeepStrictEqual } from 'node:util';
import type { RegistryCredentials } from '../image/types.ts';
import type { BuildPlan } from './build/types.ts';
import { type ComponentDefinition, imageReference } from './definition.ts';
import type { ImagePlan } from './types.ts';

/** Every image once, in the order of first use. */
export class ImagePlans {
  readonly list: ImagePlan[] = [];
  readonly #policy: ImagePlan['policy'];

  constructor(policy: ImagePlan['policy'] = 'missing') {
    this.#policy = policy;
  }

  indexOf(component: ComponentDefinition, tag: string | undefined, build: BuildPlan | undefined): number {
    const reference = imageReference(component, tag);
    const { digest, credentials } = component.image;
    const known = this.list.findIndex(
      (image) =>
        image.reference === reference && image.component === component.id && isDeepStrictEqual(image.build, build),
    );
    if (known >= 0) return known;
    return (
      this.list.push({
        reference,
        policy: this.#policy,
        // The digest belongs to the definition's own tag.
        ...(digest !== undefined && tag === undefined && { digest }),
        printable: build ? printableBuild(component.id, build) : printableImage(reference),
        component: component.id,
        ...(build && { build }),
        ...(credentials && { credentials: sealed(credentials) }),
      }) - 1
    );
  }
}

function sealed({ password, ...others }: RegistryCredentials): NonNullable<ImagePlan['credentials']> {
  return { ...others, encryptedPassword: password };
}

/** Image and tag without the registry's host (contract 6.1). */
export function printableImage(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join('/') : reference;
}

function printableBuild(component: string, { recipe: { version } }: BuildPlan): string {
  return `built/${component}${version === undefined ? '' : `:${version}`}`;
}
