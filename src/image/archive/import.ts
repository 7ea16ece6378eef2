import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { UserError } from '../../base/errors.ts';
import type { Containerd } from '../../containerd/client.ts';
import { accessLabel, formatAccess } from '../access.ts';
import { assemble, noSource } from '../assemble.ts';
import { ensureBlob } from '../content.ts';
import { invalid } from '../document.ts';
import { withLease } from '../leased.ts';
import { type Descriptor, type IndexEntry, parseManifest } from '../manifest.ts';
import { hostPlatform, selectManifest } from '../platform.ts';
import { saveImage } from '../record.ts';
import { parseReference } from '../reference.ts';
import type { ReadyImage } from '../types.ts';
import type { Workplace } from '../workplace.ts';
import { type DockerImage, dockerImages } from './docker.ts';
import { type Archive, ingestArchive } from './ingest.ts';
import { archiveName } from './stream.ts';

export interface ImportRequest {
  /** Path of the archive, or its bytes. */
  readonly source: string | Readable;
  /** Reference to give the one image of the archive, instead of the names in it. */
  readonly name?: string;
}

/** An image of an archive that is ready to run, and the names it is to have. */
interface Assembled {
  readonly image: ReadyImage;
  readonly target: Descriptor;
  readonly names: readonly string[];
}

/**
 * Imports every image of an OCI layout archive or of a `docker save` archive, plain or compressed with gzip or zstd, in one pass, and makes
 * each ready to run under each of its names.
 * @throws UserError when the archive is damaged, holds no image, or an image has no name
 */
export async function importArchive(
  client: Containerd,
  request: ImportRequest,
  at: Workplace,
): Promise<readonly ReadyImage[]> {
  const name = request.name === undefined ? undefined : parseReference(request.name).name;
  return withLease(client, at.emit, async (lease) => {
    const ready: ReadyImage[] = [];
    for (const { image, target, names } of await assembleArchive(client, { ...request, name, lease }, at)) {
      for (const each of names) {
        await saveImage(client, each, target, { [accessLabel]: formatAccess(target.digest, { kind: 'own' }) });
        at.emit({ type: 'image', image: each, status: 'ready', digest: target.digest });
        ready.push({ ...image, name: each });
      }
    }
    return ready;
  });
}

/** The part of {@link importArchive} that gives no image a name on this node: only the lease keeps what it made. */
export async function assembleArchive(
  client: Containerd,
  { source, name: given, lease }: Pick<ImportRequest, 'source'> & { readonly name: string | undefined; lease: string },
  at: Workplace,
): Promise<readonly Assembled[]> {
  const archive = await ingestArchive(client, { source, lease, signal: at.signal });
  const assembled: Assembled[] = [];
  for (const { target, names } of await findImages(client, {
    archive,
    lease,
    given,
    what: archiveName(source),
    signal: at.signal,
  })) {
    const [name = ''] = names;
    const missing = noSource(name, 'The archive does not hold everything its image needs.');
    assembled.push({
      image: await assemble(client, { ...at, name, target, lease, source: missing }),
      target,
      names,
    });
  }
  return assembled;
}

interface Found {
  readonly target: Descriptor;
  readonly names: readonly string[];
}

interface Finding {
  /** How errors call the archive. */
  readonly what: string;
  readonly archive: Archive;
  readonly lease: string;
  readonly given: string | undefined;
  readonly signal: AbortSignal;
}

async function findImages(
  client: Containerd,
  { archive, lease, given, signal, what }: Finding,
): Promise<readonly Found[]> {
  const entries = indexEntries(archive);
  const docker = dockerImages(archive);
  // Docker writes both; its index may lack the names that its own list has.
  if (
    docker.length > 0 &&
    (entries.length === 0 || (given === undefined && !entries.some((entry) => namesOf(entry).length > 0)))
  ) {
    const images = named(docker, given, (image) => image.names);
    return Promise.all(
      images.map(async ({ item, names }) => ({
        names,
        target: await storeManifest(client, { image: item, lease, signal }),
      })),
    );
  }
  if (entries.length === 0)
    throw invalid(
      what,
      'it has neither an index.json nor a manifest.json with an image; it may be cut off, or be of another kind',
    );
  const chosen = given === undefined || entries.length === 1 ? entries : selectOne(entries);
  return named(chosen, given, namesOf).map(({ item, names }) => ({ names, target: item }));
}

function indexEntries(archive: Archive): readonly IndexEntry[] {
  const bytes = archive.documents.get('index.json');
  if (bytes === undefined) return [];
  const index = parseManifest(bytes, 'application/vnd.oci.image.index.v1+json', 'the index.json of the archive');
  if (index.kind !== 'index') return [];
  return index.manifests.filter(({ annotations }) => annotations['vnd.docker.reference.type'] === undefined);
}

function selectOne(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  const differ = new Set(entries.map(({ platform }) => JSON.stringify(platform))).size === entries.length;
  const entry = selectManifest(entries, hostPlatform());
  return differ && entry !== undefined ? [entry] : entries;
}

/** A full name if the archive has one; a bare tag is none. */
function namesOf({ annotations }: IndexEntry): readonly string[] {
  const full = annotations['io.containerd.image.name'];
  const short = annotations['org.opencontainers.image.ref.name'];
  if (full !== undefined) return [full];
  return short !== undefined && /[/:]/.test(short) ? [short] : [];
}

/** A name that is given goes to the only image, or selects the one of several that has it. */
function named<T>(items: readonly T[], given: string | undefined, namesIn: (item: T) => readonly string[]) {
  const [first, second] = items;
  if (given !== undefined && first !== undefined && second === undefined) return [{ item: first, names: [given] }];
  const all = items.map((item) => ({ item, names: namesIn(item).map((name) => parseReference(name).name) }));
  if (given !== undefined) {
    const [only, ...others] = all.filter(({ names }) => names.includes(given));
    if (only !== undefined && others.length === 0) return [{ item: only.item, names: [given] }];
    const inside = all.flatMap(({ names }) => names).slice(0, maxNamesShown);
    throw new UserError(`the archive holds ${all.length} images, and none of them alone is ${given}`, {
      hint: `Choose one of ${inside.join(', ') || 'those with a name: there is none'}, or import all without --name.`,
    });
  }
  if (all.some(({ names }) => names.length === 0))
    throw new UserError('the archive has an image without a name', { hint: 'Give it one: --name repository:tag.' });
  return all;
}

const maxNamesShown = 20;

async function storeManifest(
  client: Containerd,
  { image, lease, signal }: { image: DockerImage; lease: string; signal: AbortSignal },
): Promise<Descriptor> {
  const { manifest } = image;
  const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
  const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: manifest.length };
  const open = async (offset: number) =>
    (async function* () {
      yield manifest.subarray(offset);
    })();
  await ensureBlob(client, { lease, descriptor, kind: 'manifest', labels: {}, open, prove: async () => {}, signal });
  return descriptor;
}
