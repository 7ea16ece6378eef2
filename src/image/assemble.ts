import { UserError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import type { ImageLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';
import { chainIds } from './chain.ts';
import type { ParsedConfig } from './config.ts';
import { type BlobRequest, ensureBlob, labelBlob, readBlob } from './content.ts';
import { invalid } from './document.ts';
import { unpackLayers } from './layers.ts';
import {
  type Descriptor,
  indexMediaTypes,
  type Manifest,
  maxConfigBytes,
  maxManifestBytes,
  parseManifest,
} from './manifest.ts';
import { formatPlatform, hostPlatform, selectManifest } from './platform.ts';
import { parseRunnable } from './runnable.ts';
import type { Turns } from './turns.ts';
import type { ReadyImage } from './types.ts';

export type BlobKind = BlobRequest['kind'];

/** Where blobs come from that the content store does not have. */
export interface BlobSource {
  open(descriptor: Descriptor, kind: BlobKind, offset: number): Promise<AsyncIterable<Uint8Array>>;
  /** Throws unless the source has the blob and gives it to us. */
  prove(descriptor: Descriptor, kind: BlobKind): Promise<void>;
  /** The same of a document that the namespace has already, perhaps of an image that not everybody may have. */
  vouch(descriptor: Descriptor, kind: Exclude<BlobKind, 'layer'>): Promise<void>;
  /** For new blobs, for example where they came from. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Assembly {
  /** Normalised reference: how the image is called in events and errors. */
  readonly name: string;
  /** The manifest or index the name stands for. */
  readonly target: Descriptor;
  readonly source: BlobSource;
  /** Keeps everything until an image record does. */
  readonly lease: string;
  readonly snapshotter: string;
  readonly limits: ImageLimits;
  readonly turns: Turns;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Brings an image's content into the store and its layers into snapshots; what is there already is used. Layers are downloaded three at
 * a time while those below are applied. Garbage collection labels make each blob keep what it refers to.
 * @throws UserError for an image that cannot run here, and whatever the source throws
 */
export async function assemble(client: Containerd, assembly: Assembly): Promise<ReadyImage> {
  const { name, target, snapshotter, emit } = assembly;
  emit({ type: 'image', image: name, status: 'pulling', digest: target.digest });
  const { manifest, digest } = await fetchManifest(client, assembly);
  checkDownload(manifest, assembly);
  const config = await fetchConfig(client, assembly, manifest);
  const chain = chainIds(config.diffIds);
  await unpackLayers(client, {
    ...assembly,
    image: name,
    layers: manifest.layers,
    diffIds: config.diffIds,
    chain,
    fetch: (descriptor, progress, signal) =>
      fetchBlob(client, { assembly, descriptor, kind: 'layer', ...progress, signal }),
  });
  const chainId = chain.at(-1) ?? '';
  if (chainId !== '') {
    await labelBlob(client, manifest.config.digest, { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId });
  }
  return {
    name,
    digest: target.digest,
    ...(digest !== target.digest && { manifestDigest: digest }),
    configDigest: manifest.config.digest,
    chainId,
    snapshotter,
    config: config.config,
  };
}

async function fetchManifest(client: Containerd, assembly: Assembly): Promise<{ manifest: Manifest; digest: string }> {
  const { target, name } = assembly;
  const top = await fetchDocument(client, assembly, target);
  if (top.kind === 'manifest') return { manifest: top, digest: target.digest };
  const host = hostPlatform();
  const entry = selectManifest(top.manifests, host);
  if (entry === undefined) {
    const offered = top.manifests
      .flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))
      .slice(0, 20);
    const made = `it is not made for ${formatPlatform(host)}, only for ${offered.join(', ') || 'nothing'}`;
    throw invalid(name, made, 'image_platform');
  }
  if (indexMediaTypes.has(entry.mediaType)) throw invalid(name, 'it has an index within an index');
  const chosen = await fetchDocument(client, assembly, entry);
  if (chosen.kind === 'index') throw invalid(name, 'it has an index within an index');
  return { manifest: chosen, digest: entry.digest };
}

async function fetchDocument(client: Containerd, assembly: Assembly, descriptor: Descriptor) {
  const { name } = assembly;
  if (descriptor.size > maxManifestBytes) throw invalid(name, `its manifest is larger than ${maxManifestBytes} bytes`);
  const kind = /index|list/.test(descriptor.mediaType) ? 'index' : 'manifest';
  const bytes = await fetchSmall(client, { assembly, descriptor, kind });
  const parsed = parseManifest(bytes, descriptor.mediaType, name);
  await labelBlob(client, descriptor.digest, referenceLabels(parsed));
  return parsed;
}

function referenceLabels(parsed: ReturnType<typeof parseManifest>): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  const refer = (path: string, { digest }: Descriptor): void => {
    labels[`containerd.io/gc.ref.content.${path}`] = digest;
  };
  if (parsed.kind === 'index') for (const [index, child] of parsed.manifests.entries()) refer(`m.${index}`, child);
  else {
    refer('config', parsed.config);
    for (const [index, layer] of parsed.layers.entries()) refer(`l.${index}`, layer);
  }
  return labels;
}

async function fetchConfig(client: Containerd, assembly: Assembly, manifest: Manifest): Promise<ParsedConfig> {
  const bytes = await fetchSmall(client, { assembly, descriptor: manifest.config, kind: 'config' });
  return parseRunnable(bytes, manifest, assembly.name);
}

function checkDownload({ layers }: Manifest, { name, limits }: Assembly): void {
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  if (total <= limits.downloadSize) return;
  throw new UserError(`${name} cannot be used: its layers take more than ${limits.downloadSize} bytes to transfer`, {
    reason: 'quota',
    hint: 'Use a smaller image; the operator may allow more by images.limits.downloadSize.',
  });
}

interface SmallBlob {
  readonly assembly: Assembly;
  readonly descriptor: Descriptor;
  readonly kind: BlobKind;
}

async function fetchSmall(
  client: Containerd,
  blob: SmallBlob & { readonly kind: Exclude<BlobKind, 'layer'> },
): Promise<Buffer> {
  const { assembly, descriptor, kind } = blob;
  if ((await fetchBlob(client, blob)) === 'present') await assembly.source.vouch(descriptor, kind);
  const bytes = await readBlob(client, descriptor.digest, maxConfigBytes);
  if (bytes === undefined || bytes.length !== descriptor.size) {
    throw invalid(assembly.name, `${descriptor.digest} has not the size that is announced`);
  }
  return bytes;
}

async function fetchBlob(
  client: Containerd,
  { assembly, descriptor, kind, onProgress, onWait, signal }: SmallBlob & Partial<BlobRequest>,
) {
  const { lease, source, turns } = assembly;
  if (!descriptor.digest.startsWith('sha256:'))
    throw invalid(assembly.name, `${descriptor.digest} is no sha256 digest, and containerd keeps content by no other`);
  return turns.run(`blob ${descriptor.digest}`, signal ?? assembly.signal, () =>
    ensureBlob(client, {
      lease,
      image: assembly.name,
      descriptor,
      kind,
      labels: source.labels,
      open: (offset) => source.open(descriptor, kind, offset),
      prove: () => source.prove(descriptor, kind),
      signal: signal ?? assembly.signal,
      ...(onProgress && { onProgress }),
      ...(onWait && { onWait }),
    }),
  );
}

/** The source of an image that must be here already: it has nothing. */
export function noSource(name: string, hint: string): BlobSource {
  const refuse = async ({ digest }: Descriptor): Promise<never> => {
    throw new UserError(`${name} is not complete: ${digest} is missing`, { reason: 'image_not_present', hint });
  };
  return { labels: {}, open: refuse, prove: refuse, vouch: async () => {} };
}
