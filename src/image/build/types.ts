import type { ImageRequest } from '../types.ts';
import type { WorkshopRequest } from './workshop.ts';

/** How an image is made of a git repository. Frozen plain data, without any secret. */
export interface Recipe {
  readonly repository: { readonly uri: string; readonly username?: string };
  /** Branch, tag or commit; what the repository itself says when absent. */
  readonly version?: string;
  /** Whether an image may be used that was built of the same things before. */
  readonly cache: boolean;
  /** Of the commands; the repository is asked and fetched whatever this says. */
  readonly network: WorkshopRequest['network'];
  readonly how: CommandRecipe | DockerfileRecipe;
}

/** Commands upon a base image (contract 9.3). */
export interface CommandRecipe {
  readonly kind: 'commands';
  /** The whole Dockerfile; its `FROM` names the base image as `base` does. */
  readonly dockerfile: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly base: string;
  /** Id of the build secret with the credentials of the repository, as git's store has them; absent when there are none. */
  readonly credentials?: string;
}

/** A Dockerfile of the repository. Paths are relative to its root. */
export interface DockerfileRecipe {
  readonly kind: 'dockerfile';
  readonly path: string;
  readonly context: string;
  readonly arguments: Readonly<Record<string, string>>;
}

export interface BuildRequest {
  /** Goes into the image's name. */
  readonly component: string;
  /** What the component's definition names. */
  readonly reference: string;
  readonly recipe: Recipe;
  readonly secrets: BuildSecrets;
  /** Stands for the secret files where it is decided whether an image was built of the same things; tells nothing of them. */
  readonly secretsMark: string;
  /** For base images: digest only for the one of a {@link CommandRecipe}. */
  readonly base: Pick<ImageRequest, 'policy' | 'digest' | 'credentials'>;
  readonly workshop: Omit<WorkshopRequest, 'network' | 'limits'>;
}

export interface BuildSecrets {
  /** Of the repository's user. */
  readonly password?: string;
  /** Build secrets by their ids, as the Dockerfile mounts them. */
  readonly files: Readonly<Record<string, string>>;
  /** What must not be told. */
  readonly hidden: readonly string[];
}
