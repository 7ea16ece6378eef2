import type { Json } from '../../base/json.ts';
import { type ComponentDefinition, imageReference } from '../definition.ts';
import { type Networking, networkOf } from '../network.ts';
import type { Policy } from '../types.ts';
import { planBuild, wishedNetwork } from './plan.ts';
import type { BuildPlan } from './types.ts';

/** Where a stage's build takes its values from. */
export interface BuildSource {
  readonly tag: string | undefined;
  readonly parameters: Json | undefined;
  /** Absent for processors. */
  readonly runtime?: Json | undefined;
}

/** How the image of a stage is built; `undefined` when it is not. @throws UserError with every problem */
export function buildOfStage(
  definition: ComponentDefinition,
  { tag, parameters, runtime }: BuildSource,
  { policy, networking }: { readonly policy: Policy; readonly networking: Networking },
): BuildPlan | undefined {
  const { build } = definition.image;
  if (build === undefined) return undefined;
  return planBuild({
    component: definition.id,
    definition: build,
    base: imageReference(definition, tag),
    parameters,
    runtime,
    network: networkOf(
      { id: definition.id, ...(build.network !== undefined && { network: build.network }) },
      policy,
      networking,
    ),
  });
}

/** The definition with the network that a configuration may wish for the container of a built image (contract 9.2). */
export function withWishedNetwork(definition: ComponentDefinition, runtime: Json | undefined): ComponentDefinition {
  const { build } = definition.image;
  const network = build && wishedNetwork(build, runtime);
  return network === undefined ? definition : { ...definition, network };
}
