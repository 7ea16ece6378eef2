import type { Recipe } from '../../image/build/types.ts';
import type { BuildParameter } from './definition.ts';

/** How an image of the job is built. Plain data of the plan; what is secret is encrypted, or stands as a placeholder. */
export interface BuildPlan {
  readonly recipe: Recipe;
  readonly secrets: PlannedSecrets;
}

export interface PlannedSecrets {
  /** Of the repository's user, as it is stored. */
  readonly encryptedPassword?: string;
  /** Build secrets; `{{#name}}` stands for a value. */
  readonly files: readonly { readonly id: string; readonly text: string }[];
  readonly values: readonly PlannedSecret[];
}

export interface PlannedSecret {
  readonly parameter: BuildParameter;
  /** As it is stored. */
  readonly encryptedValue: string;
}
