import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { ApplicationError, UserError } from '../../base/errors.ts';
import { formatMemory } from '../../base/memory-text.ts';
import type { Containerd } from '../../containerd/client.ts';
import { type Archive, ingestArchive } from '../archive/ingest.ts';
import { assemble, noSource } from '../assemble.ts';
import { parseConfig } from '../config.ts';
import { ensureBlob, readBlob } from '../content.ts';
import { isObject, own, parseDocument } from '../document.ts';
import { type Descriptor, maxConfigBytes, maxManifestBytes } from '../manifest.ts';
import type { ReadyImage } from '../types.ts';
import type { Workplace } from '../workplace.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const what = 'the image that was built';

export interface Result {
  readonly output: Readable;
  /** Of the output. */
  readonly mostBytes: number;
  /** Normalised reference that it will have. */
  readonly name: string;
  readonly lease: string;
  /** See `knownLayers`. */
  readonly known: ReadonlyMap<string, Descriptor>;
}

/**
 * Takes what a builder left, a tar of an OCI layout, into the content store, and makes it ready to run. Nothing in it is believed: it is an
 * archive like any other, but that layers of base images, which it need not hold, are those that the base images have.
 * @throws ApplicationError when it is no image; UserError when it is beyond the bounds
 */
export async function takeResult(
  client: Containerd,
  { output, mostBytes, name, lease, known }: Result,
  at: Workplace,
): Promise<{ readonly image: ReadyImage; readonly target: Descriptor }> {
  const source = pipeline(output, boundOf(mostBytes), () => undefined);
  const archive = await ingestArchive(client, { source, lease, signal: at.signal });
  const manifest = await manifestIn(client, archive);
  const bytes = Buffer.from(JSON.stringify(await completed(client, { manifest, archive, known })));
  const target = { mediaType: manifestType, digest: sha256(bytes), size: bytes.length };
  const open = async (offset: number) =>
    (async function* () {
      yield bytes.subarray(offset);
    })();
  await ensureBlob(client, {
    lease,
    descriptor: target,
    kind: 'manifest',
    labels: {},
    open,
    prove: async () => {},
    signal: at.signal,
  });
  const missing = noSource(name, 'The build left something out.');
  // Nothing is pulled.
  const emit: Workplace['emit'] = (event) => {
    if (event.type !== 'image') at.emit(event);
  };
  return { image: await assemble(client, { ...at, name, target, lease, source: missing, emit }), target };
}

interface BuiltManifest {
  readonly config: Descriptor;
  /** Digests, from the bottom up. */
  readonly layers: readonly { readonly mediaType: string; readonly digest: string }[];
}

async function manifestIn(client: Containerd, archive: Archive): Promise<BuiltManifest> {
  const index = parseDocument(archive.documents.get('index.json') ?? Buffer.from('{}'), {
    what,
    maxBytes: maxManifestBytes,
  });
  const manifests = own(index, 'manifests');
  const first = Array.isArray(manifests) && manifests.length === 1 ? manifests[0] : undefined;
  const digest = isObject(first) ? own(first, 'digest') : undefined;
  const stored = typeof digest === 'string' ? blob(archive, digest) : undefined;
  const bytes = stored && (await readBlob(client, stored.digest, maxManifestBytes));
  if (bytes === undefined) throw noImage('it has no manifest');
  const document = parseDocument(bytes, { what, maxBytes: maxManifestBytes });
  const [config, layers] = [own(document, 'config'), own(document, 'layers')];
  const configDigest = isObject(config) ? own(config, 'digest') : undefined;
  const configFile = typeof configDigest === 'string' ? blob(archive, configDigest) : undefined;
  if (configFile === undefined || !Array.isArray(layers)) throw noImage('its manifest is not complete');
  return {
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configFile.digest, size: configFile.size },
    layers: layers.map((layer: unknown) => {
      const mediaType = isObject(layer) ? own(layer, 'mediaType') : undefined;
      const layerDigest = isObject(layer) ? own(layer, 'digest') : undefined;
      if (typeof mediaType !== 'string' || typeof layerDigest !== 'string') throw noImage('a layer of it has no name');
      return { mediaType, digest: layerDigest };
    }),
  };
}

interface Incomplete {
  readonly manifest: BuiltManifest;
  readonly archive: Archive;
  readonly known: ReadonlyMap<string, Descriptor>;
}

/** Each layer as it came or, where it did not, as its base image has it. */
async function completed(client: Containerd, { manifest, archive, known }: Incomplete) {
  const bytes = await readBlob(client, manifest.config.digest, maxConfigBytes);
  const { diffIds } = parseConfig(bytes ?? Buffer.from('{}'), what);
  const layers = manifest.layers.map(({ mediaType, digest }, index): Descriptor => {
    const stored = blob(archive, digest);
    if (stored !== undefined) return { mediaType, digest: stored.digest, size: stored.size };
    const base = known.get(diffIds[index] ?? '');
    if (base === undefined) throw noImage(`its layer ${digest} is missing`);
    return base;
  });
  return { schemaVersion: 2, mediaType: manifestType, config: manifest.config, layers };
}

function blob(archive: Archive, digest: string) {
  return archive.files.get(`blobs/${digest.replace(':', '/')}`);
}

function noImage(problem: string): ApplicationError {
  return new ApplicationError(`${what} cannot be used: ${problem}`, { reason: 'build' });
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** What is sent may be more than was ever written. */
function boundOf(mostBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= mostBytes) return done(null, chunk);
      done(new UserError(`the image that was built is larger than ${formatMemory(mostBytes)}`, { reason: 'quota' }));
    },
  });
}
