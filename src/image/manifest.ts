import { type Document, invalid, isObject, optionalText, own, parseDocument } from './document.ts';
import { isDigest } from './reference.ts';

/** Names a blob: what it is, its digest, and its size in bytes (OCI descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

export interface IndexEntry extends Descriptor {
  /** `undefined` when the index does not say. */
  readonly platform: Platform | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of what is no image, such as a signature. */
  readonly artifactType?: string;
}

/** An image manifest: one config, its layers from the bottom up. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A list of manifests, one for each platform. */
export interface Index {
  readonly kind: 'index';
  readonly manifests: readonly IndexEntry[];
}

export const manifestMediaTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
export const indexMediaTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
/** The last three are what old tools wrote for an image's config. */
const configMediaTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/octet-stream',
  'text/html',
  '',
]);
const layerMediaTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
]);

export const maxManifestBytes = 4 * 1024 * 1024;
export const maxConfigBytes = 8 * 1024 * 1024;
export const maxLayers = 127;
const maxIndexEntries = 1000;

/**
 * Reads a manifest or an index (OCI image-spec manifest.md and image-index.md, Docker image manifest v2 schema 2).
 * `what` names it in errors, `mediaType` is what its descriptor or the registry's header says.
 * @throws UserError for anything beyond the bounds, ambiguous, or of a kind that cannot run here.
 */
export function parseManifest(bytes: Buffer, mediaType: string, what: string): Manifest | Index {
  if (/\.docker\.distribution\.manifest\.v1\+(?:prettyjws|json)$/.test(mediaType)) {
    throw invalid(what, 'it has the retired format "schema 1"; push the image again with a current tool');
  }
  const kind = manifestMediaTypes.has(mediaType) ? 'manifest' : indexMediaTypes.has(mediaType) ? 'index' : undefined;
  if (kind === undefined) throw invalid(what, `${shown(mediaType)} is not the media type of an image`);
  const document = parseDocument(bytes, { what, maxBytes: maxManifestBytes });
  if (own(document, 'schemaVersion') !== 2) throw invalid(what, 'its schemaVersion is not 2');
  const stated = optionalText(document, 'mediaType', what);
  if (stated !== undefined && stated !== mediaType)
    throw invalid(what, `it calls itself ${shown(stated)}, but is announced as ${mediaType}`);
  if (
    own(document, 'manifests') !== undefined &&
    (own(document, 'layers') !== undefined || own(document, 'config') !== undefined)
  ) {
    throw invalid(what, 'it claims to be a manifest and an index at once');
  }
  return kind === 'manifest' ? readManifest(document, what) : readIndex(document, what);
}

function readManifest(document: Document, what: string): Manifest {
  const layers = own(document, 'layers');
  if (!Array.isArray(layers)) throw invalid(what, 'it has no list of layers');
  if (layers.length > maxLayers) throw invalid(what, `it has ${layers.length} layers; ${maxLayers} are allowed`);
  const manifest: Manifest = {
    kind: 'manifest',
    config: readConfig(own(document, 'config'), what),
    layers: layers.map((layer, index) => readLayer(layer, `layers.${index}`, what)),
  };
  if (manifest.config.size > maxConfigBytes) throw invalid(what, `its config is larger than ${maxConfigBytes} bytes`);
  return manifest;
}

function readIndex(document: Document, what: string): Index {
  const manifests = own(document, 'manifests');
  if (!Array.isArray(manifests)) throw invalid(what, 'it has no list of manifests');
  if (manifests.length > maxIndexEntries)
    throw invalid(what, `it lists ${manifests.length} manifests; ${maxIndexEntries} are allowed`);
  return {
    kind: 'index',
    manifests: manifests.map((entry, index) => readIndexEntry(entry, `manifests.${index}`, what)),
  };
}

function readIndexEntry(value: unknown, path: string, what: string): IndexEntry {
  const descriptor = readDescriptor(value, path, what);
  const platform = own(value as Document, 'platform') ?? undefined;
  if (platform !== undefined && !isObject(platform)) throw invalid(what, `${path}.platform is not an object`);
  const annotations = own(value as Document, 'annotations');
  const artifactType = optionalText(value as Document, 'artifactType', what);
  return {
    ...descriptor,
    platform: platform && readPlatform(platform, what),
    annotations: isObject(annotations) ? readAnnotations(annotations) : {},
    ...(artifactType !== undefined && artifactType !== '' && { artifactType }),
  };
}

/** Operating system, architecture and variant of an index entry or a config. */
export function readPlatform(document: Document, what: string): Platform {
  return {
    os: optionalText(document, 'os', what) ?? '',
    architecture: optionalText(document, 'architecture', what) ?? '',
    variant: optionalText(document, 'variant', what) ?? '',
  };
}

function readAnnotations(document: Document): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(document).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function readConfig(value: unknown, what: string): Descriptor {
  const config = readBlobDescriptor(value, 'config', what);
  if (configMediaTypes.has(config.mediaType)) return config;
  throw invalid(what, `it is no image that can be run: its config is of the type ${shown(config.mediaType)}`);
}

function readLayer(value: unknown, path: string, what: string): Descriptor {
  const layer = readBlobDescriptor(value, path, what);
  if (layerMediaTypes.has(layer.mediaType)) return layer;
  if (/nondistributable|\.foreign\./.test(layer.mediaType)) {
    throw invalid(what, `${path} is a foreign layer, to be fetched from elsewhere; that is refused`);
  }
  if (layer.mediaType.endsWith('+encrypted')) throw invalid(what, `${path} is encrypted, and nobody here has its key`);
  throw invalid(what, `${path} has the media type ${shown(layer.mediaType)}, which is no image layer`);
}

/** Of a blob that is fetched from where the manifest is, and from nowhere else. */
function readBlobDescriptor(value: unknown, path: string, what: string): Descriptor {
  const descriptor = readDescriptor(value, path, what);
  const urls = own(value as Document, 'urls') ?? [];
  if (Array.isArray(urls) && urls.length === 0) return descriptor;
  // What it is says more than where it lies.
  if (/nondistributable|\.foreign\./.test(descriptor.mediaType)) return descriptor;
  throw invalid(what, `${path} is to be fetched from elsewhere by its "urls"; that is refused`);
}

function readDescriptor(value: unknown, path: string, what: string): Descriptor {
  if (!isObject(value)) throw invalid(what, `${path} is missing`);
  const mediaType = optionalText(value, 'mediaType', what) ?? '';
  const digest = own(value, 'digest');
  const size = own(value, 'size');
  if (typeof digest !== 'string' || !isDigest(digest))
    throw invalid(what, `${path} has no valid digest of sha256, sha384 or sha512`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size <= 0)
    throw invalid(what, `${path} has no valid size`);
  return { mediaType, digest, size };
}

/** Text of the document's author, fit for a message. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
