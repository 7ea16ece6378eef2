import { InfrastructureError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { assemble, type BlobSource } from './assemble.ts';
import { inTime } from './in-time.ts';
import { withLease } from './leased.ts';
import { type RecordLabels, saveImage } from './record.ts';
import type { Reference } from './reference.ts';
import type { Registry, Resolved } from './registry/registry.ts';
import type { ReadyImage } from './types.ts';
import type { Workplace } from './workplace.ts';

export interface Pull {
  readonly reference: Reference;
  readonly registry: Registry;
  readonly target: Resolved;
  readonly at: Workplace;
  /** Asked at the end: what the image's record is to remember. */
  readonly labels: () => RecordLabels;
}

/**
 * Pulls what the registry resolved the reference to: lease, content, snapshots, image record, end of the lease. A crash in between leaves
 * only what the lease holds. @throws as Registry and assemble do
 */
export async function pullImage(
  client: Containerd,
  { reference, registry, target, at, labels }: Pull,
): Promise<ReadyImage> {
  const { name } = reference;
  return withLease(client, at.emit, async (lease) => {
    const source = registrySource(registry, reference);
    const image = await inTime({ seconds: at.limits.pullSeconds, image: name, signal: at.signal }, (signal) =>
      assemble(client, { ...at, name, target, lease, source, signal }),
    );
    await saveImage(client, name, target, labels());
    at.emit({ type: 'image', image: name, status: 'ready', digest: image.digest });
    return image;
  });
}

/** Blobs from the registry that resolved the reference. */
export function registrySource(registry: Registry, { domain, path }: Reference): BlobSource {
  const proveDocument: BlobSource['vouch'] = ({ digest }, kind) =>
    registry.proveDocument(digest, kind === 'config' ? 'blobs' : 'manifests');
  return {
    labels: { [`containerd.io/distribution.source.${domain}`]: path },
    vouch: proveDocument,
    prove: (descriptor, kind) =>
      kind === 'layer' ? registry.prove(descriptor.digest, 'blobs') : proveDocument(descriptor, kind),
    async open(descriptor, kind, offset) {
      if (kind !== 'manifest' && kind !== 'index') return registry.blob(descriptor.digest, offset);
      const bytes = await registry.manifest(descriptor);
      if (bytes.length !== descriptor.size) {
        throw new InfrastructureError(
          `the registry ${registry.host} sent ${bytes.length} bytes for ${descriptor.digest}, which has ${descriptor.size}`,
          { reason: 'wrong_content' },
        );
      }
      return (async function* () {
        yield bytes.subarray(offset);
      })();
    },
  };
}
