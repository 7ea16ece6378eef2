import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, blobPath, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { InfrastructureError, UserError } from '../../../src/base/errors.ts';
import { createImages } from '../../../src/image/images.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';
import { startRegistry } from '../../support/registry.ts';

const run = promisify(execFile);
let place: ImagePlace;
let layout: string;
let built: BuiltImage;
let registry: FakeRegistry;
let name: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  layout = join(place.directory, 'layout');
  built = await buildLayout(
    { layers: [{ big: randomBytes(600_000) }, { small: randomBytes(20) }], compression: 'none' },
    layout,
  );
  registry = await startFakeRegistry(layout);
  name = `${registry.host}/fake/x:1`;
});
afterEach(async () => {
  await registry.stop();
  await place.leave();
});

const big = (): string => built.layers[0]?.digest ?? '';

describe('access', () => {
  test('anonymous sends nothing', async () => {
    await place.ensure(name);
    expect(registry.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  test('with Basic goes to a registry that asks for it, and to the htpasswd of a real one', async () => {
    const { stdout } = await run('htpasswd', ['-Bbn', 'reader', 'pa:ss word']);
    const file = join(place.directory, 'htpasswd');
    await writeFile(file, stdout);
    const real = await startRegistry({ htpasswd: file });
    try {
      const reference = `${real.host}/private/x:1`;
      const options = ['--preserve-digests', '--dest-tls-verify=false', '--dest-creds', 'reader:pa:ss word'];
      await run('skopeo', ['copy', ...options, `oci:${layout}`, `docker://${reference}`]);
      const image = await place.ensure(reference, { credentials: { username: 'reader', password: 'pa:ss word' } });
      expect(image.digest).toBe(built.manifest.digest);
      await place.local.remove(reference, { force: true, signal: place.call.signal });
      await expect(place.ensure(reference)).rejects.toThrow(UserError);
      const wrong = place.ensure(reference, { credentials: { username: 'reader', password: 'sesame' } });
      await expect(wrong).rejects.toThrow(real.host);
      await expect(wrong).rejects.not.toThrow('sesame');
    } finally {
      await real.stop();
    }
  });

  test('with Bearer asks the token server once, and again when the token has expired', async () => {
    const asked: string[] = [];
    let valid = 'none';
    const tokens = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      valid = `token-${asked.length}`;
      response.end(JSON.stringify({ token: valid, expires_in: 300 }));
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    const realm = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    let blobs = 0;
    registry.misbehave = (request, response, path) => {
      if (path.includes('/blobs/')) blobs += 1;
      if (blobs === 2) valid = 'expired meanwhile';
      if (request.headers.authorization === `Bearer ${valid}`) return false;
      blobs = Math.max(blobs, 0);
      challenge(response, `Bearer realm="${realm}",service="fake registry",scope="repository:fake/x:pull"`);
      return true;
    };
    try {
      await place.ensure(name, { credentials: { username: 'u', password: 'p' } });
    } finally {
      tokens.closeAllConnections();
      tokens.close();
    }
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
    const url = '/token?service=fake+registry&scope=repository%3Afake%2Fx%3Apull';
    expect(asked).toEqual([`${url} ${basic}`, `${url} ${basic}`]);
  });

  test.each([401, 403])('that is refused with %i is not tried again', async (status) => {
    registry.misbehave = (_request, response) => {
      response.writeHead(status, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    };
    const refused = place.ensure(name);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toMatchObject({ hint: expect.stringContaining('password') });
    expect(registry.seen).toHaveLength(1);
  });

  test('never takes credentials to a token server elsewhere', async () => {
    registry.misbehave = (_request, response) => {
      challenge(response, 'Bearer realm="http://169.254.169.254/latest",service="x"');
      return true;
    };
    await expect(place.ensure(name, { credentials: { username: 'u', password: 'p' } })).rejects.toMatchObject({
      reason: 'realm_refused',
    });
    await expect(place.ensure(name)).rejects.toMatchObject({ reason: 'realm_refused' });
  });
});

describe('redirects', () => {
  test('to another origin are followed without the Authorization header', async () => {
    const storage = await startFakeRegistry(layout);
    try {
      const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
      registry.misbehave = (request, response, path) => {
        if (request.headers.authorization !== basic) challenge(response, 'Basic realm="x"');
        else if (path.includes('/blobs/'))
          response.writeHead(307, { location: `http://${storage.host}${path}?signature=secret` }).end();
        else return false;
        return true;
      };
      await place.ensure(name, { credentials: { username: 'u', password: 'p' } });
      expect(storage.seen.length).toBeGreaterThan(0);
      expect(storage.seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    } finally {
      await storage.stop();
    }
  });

  test.each([
    ['http://169.254.169.254/latest/meta-data', 'redirect_refused'],
    ['http://example.com/x', 'redirect_refused'],
    ['file:///etc/passwd', 'redirect_refused'],
    ['https://169.254.169.254/latest', 'address_refused'],
  ])('to %s are refused', async (location, reason) => {
    registry.misbehave = (_request, response, path) => {
      if (path.includes('/blobs/')) response.writeHead(302, { location }).end();
      return path.includes('/blobs/');
    };
    await expect(place.ensure(name)).rejects.toMatchObject({ class: 'infrastructure', reason });
  });

  test('that go round are given up', async () => {
    registry.misbehave = (_request, response, path) => {
      response.writeHead(302, { location: path }).end();
      return true;
    };
    await expect(place.ensure(name)).rejects.toThrow('more than 5');
    expect(registry.seen).toHaveLength(6);
  });
});

describe('a registry that fails', () => {
  test('now and then with 5xx, 429 or a broken connection is asked again', async () => {
    const failures = [500, 0, 503, 429];
    registry.misbehave = (_request, response) => {
      const status = failures.shift();
      if (status === 0) response.destroy();
      else if (status !== undefined) response.writeHead(status).end();
      return status !== undefined;
    };
    expect((await place.ensure(name)).digest).toBe(built.manifest.digest);
  });

  test('always is an infrastructure error that names it, within 30 s', async () => {
    registry.misbehave = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    const started = performance.now();
    const failing = place.ensure(name);
    await expect(failing).rejects.toThrow(InfrastructureError);
    await expect(failing).rejects.toThrow(registry.host);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(registry.seen).toHaveLength(5);
  });

  test('to listen is an infrastructure error that names it', async () => {
    await registry.stop();
    const failing = place.ensure(name);
    await expect(failing).rejects.toThrow(InfrastructureError);
    await expect(failing).rejects.toThrow(registry.host);
  });

  test('to answer is given up within 30 s', async () => {
    registry.misbehave = () => true;
    const started = performance.now();
    await expect(place.ensure(name)).rejects.toThrow(InfrastructureError);
    expect(performance.now() - started).toBeLessThan(30_000);
  }, 40_000);

  test('to send a whole body is asked for the rest', async () => {
    const bytes = await readFile(blobPath(layout, big()));
    const cuts = [100_000, 350_000];
    registry.misbehave = (request, response, path) => {
      const end = path.includes(big()) ? cuts.shift() : undefined;
      if (end === undefined) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const part = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...part });
      response.write(bytes.subarray(start, end), () => response.destroy());
      return true;
    };
    await place.ensure(name);
    const ranges = registry.seen
      .filter(({ path }) => path.includes(big()))
      .map(({ range }) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe(0);
    expect(ranges[1]).toBeGreaterThan(0);
    expect(ranges[2]).toBeGreaterThan(ranges[1] as number);
  });

  test('to know ranges is read from its start again', async () => {
    const bytes = await readFile(blobPath(layout, big()));
    let cut = true;
    registry.misbehave = (_request, response, path) => {
      if (!path.includes(big())) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      if (cut) response.write(bytes.subarray(0, 200_000), () => response.destroy());
      else response.end(bytes);
      cut = false;
      return true;
    };
    await place.ensure(name);
    expect(registry.seen.filter(({ path }) => path.includes(big()))).toHaveLength(2);
  });
});

describe('a registry that lies', () => {
  test.each([
    ['other bytes of the same length', (bytes: Buffer) => Buffer.alloc(bytes.length, 1)],
    ['more bytes than announced', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(10)])],
  ])('with %s is found out, and nothing of it stays', async (_what, change) => {
    const bytes = await readFile(blobPath(layout, big()));
    registry.misbehave = (_request, response, path) => {
      if (path.includes(big())) response.end(change(bytes));
      return path.includes(big());
    };
    await expect(place.ensure(name)).rejects.toMatchObject({ class: 'infrastructure', reason: 'wrong_content' });
    expect(registry.seen.filter(({ path }) => path.includes(big()))).toHaveLength(2);
    await collect(place.client);
    expect(await place.content()).toEqual([]);
  });

  test('by ending a body early, again and again, is given up', async () => {
    registry.misbehave = (_request, response, path) => {
      if (path.includes(big())) response.end('');
      return path.includes(big());
    };
    await expect(place.ensure(name)).rejects.toMatchObject({ class: 'infrastructure' });
  });

  test('about the manifest is found out', async () => {
    registry.misbehave = (request, response, path) => {
      const wrong = path.includes('/manifests/sha256:') && request.method === 'GET';
      if (wrong) response.setHeader('content-type', built.manifest.mediaType).end('x'.repeat(built.manifest.size));
      return wrong;
    };
    await expect(place.ensure(name)).rejects.toMatchObject({ reason: 'wrong_content' });
  });

  test('about the type of the manifest is found out', async () => {
    registry.misbehave = (request, response, path) => {
      const get = path.includes('/manifests/') && request.method === 'GET';
      if (get) response.setHeader('content-type', 'text/html').end('{}');
      return get;
    };
    await expect(place.ensure(name)).rejects.toThrow('text/html');
  });

  test('about what a layer unpacks to is found out', async () => {
    const config = await readFile(blobPath(layout, built.config.digest), 'utf8');
    const forged = await store(config.replace(built.diffIds[1] as string, `sha256:${'0'.repeat(64)}`));
    const manifest = await readFile(blobPath(layout, built.manifest.digest), 'utf8');
    await store(manifest.replace(built.config.digest, forged));
    const lying = place.ensure(`${registry.host}/fake/x@${await store(manifest.replace(built.config.digest, forged))}`);
    await expect(lying).rejects.toThrow(UserError);
    await expect(lying).rejects.toThrow('its config promises');
  });
});

test('an index leads to the manifest of this platform, found by GET where HEAD is not known', async () => {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const foreign = {
    ...built.manifest,
    platform: { os: 'linux', architecture: 's390x' },
    digest: `sha256:${'0'.repeat(64)}`,
  };
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const own = { ...built.manifest, platform: { os: 'linux', architecture } };
  const attestation = { ...foreign, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
  const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [attestation, foreign, own] });
  const digest = await store(index);
  registry.misbehave = (request, response, path) => {
    if (request.method === 'HEAD') response.writeHead(405).end();
    else if (path.endsWith('/manifests/1')) response.setHeader('content-type', mediaType).end(index);
    else return false;
    return true;
  };
  const image = await place.ensure(name);
  expect(image).toMatchObject({ digest, configDigest: built.config.digest });
  await collect(place.client);
  expect(await place.ensure(name, { digest: built.manifest.digest, policy: 'never' })).toEqual(image);
});

test('a pull that is stopped gives the reason, leaves nothing open, and can be started again', async () => {
  const stop = new AbortController();
  registry.misbehave = (_request, response, path) => {
    if (!path.includes(big())) return false;
    response.writeHead(200, { 'content-length': 600_000 }).write(Buffer.alloc(200_000));
    setTimeout(() => stop.abort(new Error('enough')), 100);
    return true;
  };
  const call = { ...place.call, signal: stop.signal };
  await expect(place.images.ensure({ reference: name, policy: 'missing' }, call)).rejects.toThrow('enough');
  registry.misbehave = () => false;
  expect((await place.ensure(name)).digest).toBe(built.manifest.digest);
});

test('one of two pulls of the same image may stop without harming the other', async () => {
  const stop = new AbortController();
  const images = createImages(place.client);
  const reached = Promise.withResolvers<void>();
  registry.misbehave = async (_request, _response, path) => {
    if (path.includes(big())) {
      reached.resolve();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return false;
  };
  const first = images.ensure({ reference: name, policy: 'missing' }, { ...place.call, signal: stop.signal });
  const second = images.ensure({ reference: name, policy: 'missing' }, place.call);
  const stopped = expect(first).rejects.toThrow('enough');
  await reached.promise;
  stop.abort(new Error('enough'));
  await stopped;
  expect((await second).digest).toBe(built.manifest.digest);
});

function challenge(response: ServerResponse, header: string): void {
  response.writeHead(401, { 'www-authenticate': header }).end('{}');
}

async function store(content: string): Promise<string> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  await writeFile(blobPath(layout, digest), content);
  return digest;
}
