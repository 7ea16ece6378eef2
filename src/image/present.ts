import type { Containerd } from '../containerd/client.ts';
import { chainIds } from './chain.ts';
import { readBlob } from './content.ts';
import { type Descriptor, type Manifest, maxConfigBytes, maxManifestBytes, parseManifest } from './manifest.ts';
import { hostPlatform, selectManifest } from './platform.ts';
import { parseRunnable } from './runnable.ts';
import type { ReadyImage } from './types.ts';
import { snapshotExists } from './unpack.ts';

/** What an image record stands for, as far as its documents are in the content store. */
export interface PresentImage {
  readonly image: ReadyImage;
  readonly manifest: Manifest;
  /** Digest of the manifest itself, where the record's target is an index. */
  readonly manifestDigest: string;
}

/** Follows a record's target to its config; `undefined` when a document or the unpacked chain is not there. @throws UserError when it cannot run here */
export async function readPresent(
  client: Containerd,
  { name, target, snapshotter }: { name: string; target: Descriptor; snapshotter: string },
): Promise<PresentImage | undefined> {
  const found = await readManifestOf(client, name, target);
  if (found === undefined) return undefined;
  const bytes = await readBlob(client, found.manifest.config.digest, maxConfigBytes);
  if (bytes === undefined) return undefined;
  const { config, diffIds } = parseRunnable(bytes, found.manifest, name);
  const chainId = chainIds(diffIds).at(-1) ?? '';
  if (chainId !== '' && !(await snapshotExists(client, snapshotter, chainId))) return undefined;
  const { manifest, manifestDigest } = found;
  const { digest } = target;
  const behindIndex = manifestDigest === digest ? {} : { manifestDigest };
  const configDigest = manifest.config.digest;
  return { ...found, image: { name, digest, ...behindIndex, configDigest, chainId, snapshotter, config } };
}

/** The manifest that runs here of what a target names; `undefined` when it is not in the content store. */
export async function readManifestOf(
  client: Containerd,
  name: string,
  target: Descriptor,
): Promise<{ manifest: Manifest; manifestDigest: string } | undefined> {
  let { digest, mediaType } = target;
  for (let depth = 0; depth < 2; depth += 1) {
    const bytes = await readBlob(client, digest, maxManifestBytes);
    if (bytes === undefined) return undefined;
    const parsed = parseManifest(bytes, mediaType, name);
    if (parsed.kind === 'manifest') return { manifest: parsed, manifestDigest: digest };
    const entry = selectManifest(parsed.manifests, hostPlatform());
    if (entry === undefined) return undefined;
    ({ digest, mediaType } = entry);
  }
  return undefined;
}
