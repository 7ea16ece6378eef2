import { invalid, isObject, optionalText, optionalTexts, parseBounded } from '../document.ts';
import { maxConfigBytes, maxLayers, maxManifestBytes } from '../manifest.ts';
import type { Archive, StoredFile } from './ingest.ts';
import type { Compression } from './stream.ts';

/** An image of a `docker save` archive, with the manifest that such archives lack. */
export interface DockerImage {
  /** `name:tag` texts as the archive gives them. */
  readonly names: readonly string[];
  /** An OCI image manifest (image-spec manifest.md). */
  readonly manifest: Buffer;
}

const what = 'the archive';
const maxImages = 100;
const maxLinks = 10;
const layerType = 'application/vnd.oci.image.layer.v1.tar';
const layerTypes: Readonly<Record<Compression, string>> = {
  none: layerType,
  gzip: `${layerType}+gzip`,
  zstd: `${layerType}+zstd`,
};

/** Reads `manifest.json` of a `docker save` archive, old and new. Layers may be links to another's file. @throws UserError */
export function dockerImages(archive: Archive): readonly DockerImage[] {
  const bytes = archive.documents.get('manifest.json');
  if (bytes === undefined) return [];
  const list = parseBounded(bytes, { what: 'the manifest.json of the archive', maxBytes: maxManifestBytes });
  if (!Array.isArray(list)) throw invalid(what, 'its manifest.json is not a list');
  if (list.length > maxImages) throw invalid(what, `it holds ${list.length} images; ${maxImages} are allowed`);
  return list.map((item: unknown, index) => readImage(archive, item, `manifest.json, ${index}`));
}

function readImage(archive: Archive, item: unknown, place: string): DockerImage {
  if (!isObject(item)) throw invalid(what, `${place} is not an object`);
  const config = find(archive, optionalText(item, 'Config', what) ?? '');
  if (config.size > maxConfigBytes) throw invalid(what, `${place}: the config is larger than ${maxConfigBytes} bytes`);
  const layers = optionalTexts(item, 'Layers', what);
  if (layers.length > maxLayers) throw invalid(what, `${place} has ${layers.length} layers; ${maxLayers} are allowed`);
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.size },
    layers: layers.map((path) => {
      const { compression, digest, size } = find(archive, path);
      return { mediaType: layerTypes[compression], digest, size };
    }),
  };
  return { names: optionalTexts(item, 'RepoTags', what), manifest: Buffer.from(JSON.stringify(manifest)) };
}

function find(archive: Archive, path: string): StoredFile {
  let name = path.replace(/^\.?\//, '');
  for (let links = 0; links <= maxLinks; links += 1) {
    const file = archive.files.get(name);
    if (file !== undefined) return file;
    const target = archive.links.get(name);
    if (target === undefined) break;
    name = target;
  }
  throw invalid(what, `its manifest.json names ${JSON.stringify(path.slice(0, 200))}, which is not in it`);
}
