import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tarStream } from '../../scripts/lib/tar-stream.ts';

type Json = Record<string, unknown>;

/** An image as a registry serves it: every document may be anything. */
export interface Served {
  /** What the tag leads to. */
  readonly top: { readonly mediaType: string; readonly bytes: Buffer; readonly digest: string };
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** How an image differs from a good one of one layer. */
export interface Change {
  readonly config?: (config: Json) => unknown;
  /** What the layers hold; one tar of one file when absent. */
  readonly tars?: readonly Buffer[];
  /** What they unpack to; absent when they are not compressed. */
  readonly diffIds?: readonly string[];
  /** Of the layer's digest; sha256 when absent. */
  readonly algorithm?: 'sha384' | 'sha512';
  readonly layer?: (descriptor: Json) => unknown;
  readonly configDescriptor?: (descriptor: Json) => unknown;
  /** The whole manifest, last; text or bytes are served as they are. */
  readonly manifest?: (manifest: Json) => unknown;
  /** Puts an index, or anything, in front of the manifest, given its descriptor. */
  readonly top?: (manifest: Json) => unknown;
  readonly mediaType?: string;
  /** Makes what is served as the layer's blob something else. */
  readonly layerBytes?: (bytes: Buffer) => Buffer;
  readonly configBytes?: (bytes: Buffer) => Buffer;
}

export async function imageWith(change: Change): Promise<Served> {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer, mediaType: string, algorithm?: string): Json => {
    const digest = digestOf(bytes, algorithm);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tars = change.tars ?? [Buffer.concat(await Array.fromAsync(tarStream([['hello', 'world']])))];
  const layers = tars.map((tar) => add(tar, types.layer, change.algorithm));
  const [layer = {}] = layers;
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const plain = {
    os: 'linux',
    architecture,
    config: {},
    rootfs: { type: 'layers', diff_ids: change.diffIds ?? tars.map((tar) => digestOf(tar)) },
  };
  const config = add(bytesOf(change.config?.(plain) ?? plain), types.config);
  const descriptors = {
    config: change.configDescriptor?.(config) ?? config,
    layers: layers.map((each) => change.layer?.(each) ?? each),
  };
  const manifest = { schemaVersion: 2, mediaType: types.manifest, ...descriptors };
  const lowest = bytesOf(change.manifest?.(manifest) ?? manifest);
  const described = add(lowest, types.manifest);
  const top = change.top === undefined ? lowest : bytesOf(change.top(described));
  const { digest } = add(top, '');
  const replace = (which: Json, by: ((bytes: Buffer) => Buffer) | undefined): void => {
    const key = String(which.digest);
    if (by !== undefined) blobs.set(key, by(blobs.get(key) as Buffer));
  };
  replace(layer, change.layerBytes);
  replace(config, change.configBytes);
  const mediaType = change.mediaType ?? (change.top === undefined ? types.manifest : types.index);
  return { top: { mediaType, bytes: top, digest: String(digest) }, blobs };
}

/** Answers as a registry that has only this image, under whatever name. */
export function serveImage({ top, blobs }: Served, request: IncomingMessage, response: ServerResponse): void {
  const [, kind, asked = ''] = /\/(manifests|blobs)\/([^/?]+)/.exec(request.url ?? '') ?? [];
  const digest = kind === 'manifests' && !asked.includes(':') ? top.digest : asked;
  const bytes = blobs.get(digest);
  if (bytes === undefined) return void response.writeHead(404).end('{}');
  const type = kind === 'blobs' ? 'application/octet-stream' : digest === top.digest ? top.mediaType : types.manifest;
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length, 'docker-content-digest': digest });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

export function digestOf(bytes: Buffer, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function bytesOf(document: unknown): Buffer {
  if (Buffer.isBuffer(document)) return document;
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
}
