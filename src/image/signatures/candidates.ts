import { createHash } from 'node:crypto';
import { classify, InfrastructureError, UserError } from '../../base/errors.ts';
import { type Document, invalid, isObject, own, parseDocument } from '../document.ts';
import { maxManifestBytes, parseManifest } from '../manifest.ts';
import { isDigest } from '../reference.ts';
import type { Registry } from '../registry/registry.ts';
import { bundled, bundleType, predicateType } from './bundle.ts';
import { simpleSigning, simpleSigningType } from './simple-signing.ts';
import type { Candidate } from './types.ts';

/** Where signatures are looked for: the repository of the image, by way of all the hosts that serve it. */
export type SignatureSource = Pick<Registry, 'find' | 'blob'>;

const indexType = 'application/vnd.oci.image.index.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
/** As cosign keeps them, and as the types of its manifests and layers say. */
const mostBytes: Readonly<Record<string, number>> = { [simpleSigningType]: 64 * 1024, [bundleType]: 512 * 1024 };
/** An attestation says of itself that it is one; one that lies is found out later. */
const predicateAnnotation = 'dev.sigstore.bundle.predicateType';
const mostRequests = 64;
const mostMs = 60_000;

/**
 * What may be signatures of an image, and why something in their place is none. Looks where cosign 3 puts them (referrers of the image, OCI
 * distribution-spec 1.1, by their API or else their tag `sha256-…`) and where earlier versions do (tag `sha256-….sig`).
 * Nothing more is asked after 64 questions or a minute.
 * @throws InfrastructureError at the end when one place could not be looked at
 */
export async function* candidatesOf(registry: SignatureSource, digest: string): AsyncGenerator<Candidate | string> {
  const failures: InfrastructureError[] = [];
  const source = bounded(registry);
  for (const look of [taggedOf, referrersOf]) {
    try {
      for await (const layer of look(source, digest)) {
        yield typeof layer === 'string' ? layer : await readLayer(source, layer);
      }
    } catch (error) {
      if (!(error instanceof InfrastructureError)) throw error;
      failures.push(error);
    }
  }
  if (failures[0] !== undefined) throw failures[0];
}

/** Whoever can push to a repository can put very much beside an image. */
function bounded(source: SignatureSource): SignatureSource {
  const end = performance.now() + mostMs;
  let count = 0;
  const ask = (): SignatureSource => {
    count += 1;
    if (count <= mostRequests && performance.now() < end) return source;
    throw invalid('what lies beside the image', 'it is too much to look at all of it');
  };
  return {
    find: async (path, accept) => ask().find(path, accept),
    blob: async (digest, offset) => ask().blob(digest, offset),
  };
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Document;
}

async function* referrersOf(source: SignatureSource, digest: string): AsyncGenerator<Layer | string> {
  const tag = digest.replace(':', '-');
  const found = await odd(async () => {
    const listed =
      (await source.find(`referrers/${digest}`, indexType)) ?? (await source.find(`manifests/${tag}`, indexType));
    if (listed === undefined) return [];
    const parsed = parseManifest(listed.bytes, listed.mediaType, 'the list of signatures');
    return parsed.kind === 'index' ? parsed.manifests : [];
  });
  if (typeof found === 'string') return yield found;
  for (const { digest: referrer, mediaType, annotations } of found) {
    const isOther = (annotations[predicateAnnotation] ?? predicateType) !== predicateType;
    if (mediaType === manifestType && !isOther) yield* layersOf(source, referrer);
  }
}

function taggedOf(source: SignatureSource, digest: string): AsyncGenerator<Layer | string> {
  return layersOf(source, `${digest.replace(':', '-')}.sig`);
}

/** The layers of a manifest that are signatures by their type. */
async function* layersOf(source: SignatureSource, reference: string): AsyncGenerator<Layer | string> {
  const what = `the signature ${reference}`;
  const layers = await odd(async () => {
    const found = await source.find(`manifests/${reference}`, manifestType);
    if (found === undefined) return [];
    const listed = own(parseDocument(found.bytes, { what, maxBytes: maxManifestBytes }), 'layers');
    if (!Array.isArray(listed)) throw invalid(what, 'it has no list of layers');
    return listed.flatMap((layer) => signatureLayer(layer, what));
  });
  if (typeof layers === 'string') yield layers;
  else yield* layers;
}

function signatureLayer(layer: unknown, what: string): readonly Layer[] {
  if (!isObject(layer)) throw invalid(what, 'a layer of it is no object');
  const [mediaType, digest, size, annotations] = ['mediaType', 'digest', 'size', 'annotations'].map((key) =>
    own(layer, key),
  );
  if (typeof mediaType !== 'string' || !Object.hasOwn(mostBytes, mediaType)) return [];
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(what, 'a layer of it has no valid digest');
  if (typeof size !== 'number' || !(size > 0 && size <= (mostBytes[mediaType] ?? 0)))
    throw invalid(what, `a layer of it is larger than ${mostBytes[mediaType]} bytes`);
  return [{ mediaType, digest, size, annotations: isObject(annotations) ? annotations : {} }];
}

async function readLayer(
  source: SignatureSource,
  { mediaType, digest, size, annotations }: Layer,
): Promise<Candidate | string> {
  const what = `the signature ${digest}`;
  return odd(async () => {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of await source.blob(digest, 0)) {
      length += part.length;
      if (length > size) throw invalid(what, `it is longer than the ${size} bytes that are announced`);
      parts.push(part);
    }
    const bytes = Buffer.concat(parts, length);
    expectDigest(bytes, digest, what);
    return mediaType === bundleType ? bundled(bytes, what) : simpleSigning(bytes, annotations, what);
  });
}

function expectDigest(bytes: Buffer, digest: string, what: string): void {
  const [algorithm = '', hex] = digest.split(':');
  if (createHash(algorithm).update(bytes).digest('hex') !== hex) throw invalid(what, 'its content has another digest');
}

/** Something that cannot be read as a signature is none, and may stand beside one that can: the reason, instead of an error. */
async function odd<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    const { reason, message } = classify(error);
    if (reason === 'wrong_content' || (error instanceof UserError && reason !== 'registry_denied')) return message;
    throw error;
  }
}
