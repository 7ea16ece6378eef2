import { classify } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { type AccessSummary, readAccess, summarizeAccess } from './access.ts';
import { chainIds } from './chain.ts';
import { chooseImages } from './collection/choose.ts';
import { jobsByImage } from './collection/needs.ts';
import { blobKey, bytesOf, keyOf, readStock, type Stock, snapshotKey } from './collection/stock.ts';
import { parseConfig } from './config.ts';
import { readBlob } from './content.ts';
import { type WithoutEffect, withoutEffect } from './details.ts';
import { own, parseDocument } from './document.ts';
import { lastUseOf } from './last-use.ts';
import { type ListedImage, type Listing, listedImage } from './list.ts';
import { type Manifest, maxConfigBytes } from './manifest.ts';
import { formatPlatform } from './platform.ts';
import { readManifestOf } from './present.ts';
import { parseReference } from './reference.ts';
import type { ImageConfig } from './types.ts';

/** One layer, from the bottom up. */
export interface InspectedLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** As it is transferred. */
  readonly bytes: number;
  /** Whether the blob is in the content store; an image runs without it once it is unpacked. */
  readonly isPresent: boolean;
  /** Digest of the uncompressed layer; absent when the config cannot be read. */
  readonly diffId?: string;
  readonly chainId?: string;
  /** Of the snapshot; absent when it is not unpacked. */
  readonly unpackedBytes?: number;
}

export interface InspectedImage extends ListedImage {
  readonly mediaType: string;
  /** What would go from the disk with this name and nothing else. */
  readonly freeableBytes: number;
  /** Absent when that is not known yet. */
  readonly access?: AccessSummary;
  /** Absent when no document of the image can be read. */
  readonly manifestDigest?: string;
  readonly configDigest?: string;
  readonly platform?: string;
  /** When its author says that it was made. */
  readonly builtAt?: string;
  /** What has effect when it runs. */
  readonly config?: ImageConfig;
  readonly withoutEffect?: WithoutEffect;
  readonly layers: readonly InspectedLayer[];
  /** Why it cannot run here, if so. */
  readonly problem?: string;
}

/** Everything about one image of the node; `undefined` when there is none of that name. @throws UserError for a wrong reference, ContainerdError */
export async function inspectImage(
  client: Containerd,
  reference: string,
  { snapshotter, pins, findNeeds }: Listing,
): Promise<InspectedImage | undefined> {
  const { name } = parseReference(reference);
  const [stock, needs] = await Promise.all([readStock(client, snapshotter), findNeeds()]);
  const image = stock.images.find((each) => each.name === name);
  if (image === undefined) return undefined;
  const listed = await listedImage(client, image, { stock, jobs: jobsByImage(needs), pins });
  const others = stock.images.filter((each) => each !== image).map(keyOf);
  const alone = [{ name, lastUsedMs: lastUseOf(image), key: keyOf(image) }];
  const goal = { freeBytes: 0, unusedBeforeMs: Number.POSITIVE_INFINITY };
  const { freedBytes } = chooseImages(stock, alone, { held: [...stock.held, ...others], goal });
  const documents =
    image.target === null ? { layers: [] } : await readDocuments(client, name, { target: image.target, stock });
  const access = readAccess(image);
  return {
    ...listed,
    mediaType: image.target?.mediaType ?? '',
    freeableBytes: freedBytes,
    ...(access && { access: summarizeAccess(access) }),
    ...documents,
  };
}

type Documents = Omit<InspectedImage, keyof ListedImage | 'mediaType' | 'freeableBytes' | 'access'>;

async function readDocuments(
  client: Containerd,
  name: string,
  { target, stock }: { readonly target: Parameters<typeof readManifestOf>[2]; readonly stock: Stock },
): Promise<Documents> {
  try {
    const found = await readManifestOf(client, name, target);
    if (found === undefined) return { layers: [], problem: 'there is no manifest for this platform' };
    const { manifest, manifestDigest } = found;
    const known = { manifestDigest, configDigest: manifest.config.digest };
    const bytes = await readBlob(client, manifest.config.digest, maxConfigBytes);
    if (bytes === undefined)
      return { ...known, layers: layersOf(manifest, [], stock), problem: 'its config is not here' };
    return { ...known, ...readConfig(bytes, name, { manifest, stock }) };
  } catch (error) {
    return { layers: [], problem: classify(error).message };
  }
}

function readConfig(
  bytes: Buffer,
  name: string,
  { manifest, stock }: { readonly manifest: Manifest; readonly stock: Stock },
): Documents {
  const document = parseDocument(bytes, { what: `the config of ${name}`, maxBytes: maxConfigBytes });
  const builtAt = own(document, 'created');
  const said = { ...(typeof builtAt === 'string' && { builtAt }), withoutEffect: withoutEffect(document) };
  try {
    const { config, platform, diffIds } = parseConfig(bytes, name);
    return { ...said, config, platform: formatPlatform(platform), layers: layersOf(manifest, diffIds, stock) };
  } catch (error) {
    return { ...said, layers: layersOf(manifest, [], stock), problem: classify(error).message };
  }
}

function layersOf({ layers }: Manifest, diffIds: readonly string[], { things }: Stock): readonly InspectedLayer[] {
  const chain = chainIds(diffIds);
  return layers.map(({ digest, mediaType, size }, index) => {
    const [diffId, chainId] = [diffIds[index], chain[index]];
    const key = chainId === undefined ? undefined : snapshotKey(chainId);
    return {
      digest,
      mediaType,
      bytes: size,
      isPresent: things.has(blobKey(digest)),
      ...(diffId !== undefined && { diffId }),
      ...(chainId !== undefined && { chainId }),
      ...(key !== undefined && things.has(key) && { unpackedBytes: bytesOf(things, [key]) }),
    };
  });
}

/** Whether everything is there that it takes to run the image here, or to give it away. */
export function stateOf({ layers, problem }: InspectedImage): {
  readonly isWhole: boolean;
  readonly isUnpacked: boolean;
} {
  return {
    isWhole: problem === undefined && layers.every(({ isPresent }) => isPresent),
    isUnpacked: problem === undefined && layers.every(({ unpackedBytes }) => unpackedBytes !== undefined),
  };
}
