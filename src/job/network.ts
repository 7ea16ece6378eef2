import { InfrastructureError } from '../base/errors.ts';
import type { ComponentDefinition } from './definition.ts';
import type { Policy, StagePlan } from './types.ts';

/** What containers of this node can be given. */
export interface Networking {
  /** Why they can have no network, and what to do about it; absent when they can. */
  readonly fault?: { readonly message: string; readonly hint?: string | undefined };
}

type Named = Pick<ComponentDefinition, 'id' | 'network'>;

/**
 * The network of a component's containers. Who names none gets the contract's `bridge`, under the hardened policy nothing.
 * @throws InfrastructureError when it names one that this node cannot give
 */
export function networkOf({ id, network }: Named, policy: Policy, { fault }: Networking): StagePlan['network'] {
  const wanted = network ?? (policy === 'hardened' || fault !== undefined ? 'none' : 'bridge');
  if (wanted === 'none' || fault === undefined) return wanted;
  throw new InfrastructureError(`component ${id} needs the network "${wanted}": ${fault.message}`, {
    reason: 'no_plugins',
    ...(fault.hint !== undefined && { hint: fault.hint }),
  });
}

/** What happens to components that name no network, where it is not what the contract says. */
export function networkNotes(definitions: readonly Named[], policy: Policy, { fault }: Networking): readonly string[] {
  if (policy === 'compatible' && fault === undefined) return [];
  const why =
    policy === 'hardened'
      ? 'by the hardened policy'
      : `because ${[fault?.message, fault?.hint].filter(Boolean).join('; ')}`;
  return definitions
    .filter(({ network }) => network === undefined)
    .map(({ id }) => `component ${id} names no network and gets none, ${why}`);
}
