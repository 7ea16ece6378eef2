import type { Containerd } from '../containerd/client.ts';
import { readBlob } from './content.ts';
import { type Document, isObject, own, parseDocument } from './document.ts';
import { type Manifest, maxConfigBytes, maxManifestBytes } from './manifest.ts';
import { formatPlatform } from './platform.ts';
import { readManifestOf } from './present.ts';
import type { ReadyImage } from './types.ts';

/** What an image's author wrote that has no effect when it runs: data of others. */
export interface WithoutEffect {
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute paths. */
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly hasHealthcheck: boolean;
}

/** What an image says or is beyond what has effect when it runs. */
export interface ImageDetails extends WithoutEffect {
  /** As the image's config says, for example `linux/amd64`. */
  readonly platform: string;
  readonly layers: number;
  /** Of config and layers, as they are transferred. */
  readonly bytes: number;
}

/** Reads the documents of an image that is ready to run. */
export async function imageDetails(client: Containerd, image: ReadyImage): Promise<ImageDetails> {
  const [manifest, bytes] = await Promise.all([
    manifestOf(client, image),
    readBlob(client, image.configDigest, maxConfigBytes),
  ]);
  const document = parseDocument(bytes ?? Buffer.from('{}'), { what: image.name, maxBytes: maxConfigBytes });
  const part = (key: string): string => {
    const value = own(document, key);
    return typeof value === 'string' ? value : '';
  };
  return {
    platform: formatPlatform({ os: part('os'), architecture: part('architecture'), variant: part('variant') }),
    layers: manifest?.layers.length ?? 0,
    bytes: manifest?.layers.reduce((sum, { size }) => sum + size, manifest.config.size) ?? 0,
    ...withoutEffect(document),
  };
}

/** Of an image's config document. */
export function withoutEffect(document: Document): WithoutEffect {
  const run = own(document, 'config');
  const settings = isObject(run) ? run : {};
  const labels = own(settings, 'Labels');
  const health = own(settings, 'Healthcheck');
  const test = isObject(health) ? own(health, 'Test') : undefined;
  return {
    labels: Object.fromEntries(
      Object.entries(isObject(labels) ? labels : {}).map(([key, value]) => [key, String(value)]),
    ),
    volumes: keysOf(own(settings, 'Volumes')),
    ports: keysOf(own(settings, 'ExposedPorts')),
    hasHealthcheck: Array.isArray(test) && test[0] !== 'NONE',
  };
}

function keysOf(value: unknown): readonly string[] {
  return isObject(value) ? Object.keys(value) : [];
}

async function manifestOf(client: Containerd, { digest, name }: ReadyImage): Promise<Manifest | undefined> {
  const top = await readBlob(client, digest, maxManifestBytes);
  if (top === undefined) return undefined;
  const target = { digest, size: top.length, mediaType: mediaTypeIn(top) };
  return (await readManifestOf(client, name, target))?.manifest;
}

/** The content store keeps no media types. */
function mediaTypeIn(bytes: Buffer): string {
  const document = parseDocument(bytes, { what: 'the manifest', maxBytes: maxManifestBytes });
  const said = own(document, 'mediaType');
  if (typeof said === 'string') return said;
  const kind = own(document, 'manifests') === undefined ? 'manifest' : 'index';
  return `application/vnd.oci.image.${kind}.v1+json`;
}
