import { classify, InfrastructureError, UserError } from '../../base/errors.ts';
import type { Containerd } from '../../containerd/client.ts';
import { askRegistry } from '../asked-registry.ts';
import { ensureBlob } from '../content.ts';
import { registrySource } from '../pull.ts';
import type { Workplace } from '../workplace.ts';
import type { Exported } from './contents.ts';

/**
 * Fetches the blobs that an image lacks from its registry, by their digests; from then on its manifest keeps them. Layers whose snapshots were
 * here when it was pulled never came.
 * @throws UserError or InfrastructureError as the registry does, with what it was about
 */
export async function completeImage(
  client: Containerd,
  { reference, config, missing }: Exported,
  at: Workplace & { readonly lease: string },
): Promise<void> {
  using asked = askRegistry({ reference, credentials: undefined }, at);
  const { labels, open, prove } = registrySource(asked.registry, reference);
  try {
    for (const descriptor of missing) {
      const kind = descriptor.digest === config ? 'config' : 'layer';
      await ensureBlob(client, {
        lease: at.lease,
        descriptor,
        kind,
        labels,
        open: (offset) => open(descriptor, kind, offset),
        prove: () => prove(descriptor, kind),
        signal: at.signal,
      });
    }
  } catch (error) {
    at.signal.throwIfAborted();
    throw incomplete(reference.name, error);
  }
}

function incomplete(name: string, thrown: unknown): unknown {
  const { class: kind, message, reason, hint } = classify(thrown);
  const options = { cause: thrown, ...(reason !== undefined && { reason }), ...(hint !== undefined && { hint }) };
  const text = `${name} is not complete here, and what is missing did not come: ${message}`;
  if (kind === 'user') return new UserError(text, options);
  return kind === 'infrastructure' ? new InfrastructureError(text, options) : thrown;
}
