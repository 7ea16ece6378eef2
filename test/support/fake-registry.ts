import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { blobPath } from '../../scripts/lib/oci-image.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface FakeRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Every request so far, those that `misbehave` answered included. */
  readonly seen: SeenRequest[];
  /** Answers a request itself and says so with true; anything else is served as a good registry would. */
  misbehave: (request: IncomingMessage, response: ServerResponse, path: string) => boolean | Promise<boolean>;
  stop(): Promise<void>;
}

/** Serves one OCI layout folder under any repository name and any tag, in this process, so that a test can make it misbehave. */
export async function startFakeRegistry(layout: string): Promise<FakeRegistry> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const { authorization, range } = request.headers;
    seen.push({ method: request.method ?? '', path, authorization, range });
    response.on('error', () => {});
    if (await registry.misbehave(request, response, path)) return;
    await serve(layout, { request, response, path }).catch(() => response.writeHead(404).end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry: FakeRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    misbehave: () => false,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

async function serve(layout: string, { request, response, path }: Exchange): Promise<void> {
  const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  if (kind === 'manifests') {
    const digest = reference.includes(':') ? reference : await topDigest(layout);
    const bytes = await readFile(blobPath(layout, digest));
    const { mediaType } = JSON.parse(bytes.toString()) as { mediaType: string };
    response.writeHead(200, {
      'content-type': mediaType,
      'content-length': bytes.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const file = blobPath(layout, reference);
  const { size } = await stat(file);
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = start > 0 ? { 'content-range': `bytes ${start}-${size - 1}/${size}` } : {};
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': size - start, ...part });
  createReadStream(file, { start }).pipe(response);
}

async function topDigest(layout: string): Promise<string> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  return index.manifests[0]?.digest ?? '';
}
