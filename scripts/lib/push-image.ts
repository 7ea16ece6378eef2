import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { list } from 'tar';
import type { Descriptor } from './oci-image.ts';

interface Manifest {
  readonly mediaType: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

type ReadBlob = (digest: string) => Promise<Buffer>;

/**
 * Pushes the one image (or index) of an OCI layout folder or archive to a registry that needs no credentials,
 * for example `pushImage('x.tar', 'http://127.0.0.1:5000', 'demo/x:1')`. Blobs pass through memory: it is for small images.
 * Answers the digest that the tag now names.
 */
export async function pushImage(source: string, registry: string, name: string): Promise<string> {
  const files = (await stat(source)).isDirectory() ? readFolder(source) : await readArchive(source);
  const index = JSON.parse((await files('index.json')).toString()) as Manifest;
  const top = index.manifests?.[0];
  if (top === undefined || index.manifests?.length !== 1) throw new Error(`${source} must hold exactly one image`);
  const read: ReadBlob = (digest) => files(`blobs/${digest.replace(':', '/')}`);
  const colon = name.lastIndexOf(':');
  const repository = name.slice(0, colon);
  await pushManifest({ api: `${registry}/v2/${repository}`, read, descriptor: top, tag: name.slice(colon + 1) });
  return top.digest;
}

async function pushManifest(push: { api: string; read: ReadBlob; descriptor: Descriptor; tag: string }): Promise<void> {
  const { api, read, descriptor, tag } = push;
  const bytes = await read(descriptor.digest);
  const manifest = JSON.parse(bytes.toString()) as Manifest;
  for (const child of manifest.manifests ?? []) {
    await pushManifest({ api, read, descriptor: child, tag: child.digest });
  }
  for (const blob of [...(manifest.layers ?? []), ...(manifest.config === undefined ? [] : [manifest.config])]) {
    await pushBlob(api, blob.digest, read);
  }
  await send(`${api}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': descriptor.mediaType },
    body: new Uint8Array(bytes),
  });
}

async function pushBlob(api: string, digest: string, read: ReadBlob): Promise<void> {
  const present = await fetch(`${api}/blobs/${digest}`, { method: 'HEAD' });
  if (present.ok) return;
  const started = await send(`${api}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(started.headers.get('location') ?? '', started.url);
  location.searchParams.set('digest', digest);
  const body = new Uint8Array(await read(digest));
  await send(location.href, { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body });
}

async function send(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${init.method} ${url} answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
  return response;
}

function readFolder(folder: string): (name: string) => Promise<Buffer> {
  return (name) => readFile(join(folder, name));
}

async function readArchive(archive: string): Promise<(name: string) => Promise<Buffer>> {
  const files = new Map<string, Promise<Buffer>>();
  await list({
    file: archive,
    onReadEntry: (entry) => {
      files.set(entry.path, entry.concat());
    },
  });
  return async (name) => {
    const file = await files.get(name);
    if (file === undefined) throw new Error(`${archive} has no ${name}`);
    return file;
  };
}
