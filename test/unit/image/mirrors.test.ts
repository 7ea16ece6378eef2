import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BuiltImage, blobPath, buildLayout } from '../../../scripts/lib/oci-image.ts';
import type { JobEvent } from '../../../src/base/events.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { Registry, type RegistryOptions } from '../../../src/image/registry/registry.ts';
import type { CredentialSource } from '../../../src/image/types.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';

let directory: string;
let layout: string;
let built: BuiltImage;
/** In the order in which they are configured; the last one is the server. */
let hosts: readonly [FakeRegistry, FakeRegistry, FakeRegistry];
let events: JobEvent[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-mirrors-'));
  layout = join(directory, 'layout');
  built = await buildLayout({ layers: [{ a: 'b'.repeat(100_000) }], compression: 'none' }, layout);
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(async () => {
  hosts = [await startFakeRegistry(layout), await startFakeRegistry(layout), await startFakeRegistry(layout)];
  events = [];
  await configure();
});
afterEach(() => Promise.all(hosts.map((host) => host.stop())));

const domain = 'images.example';
const image = `${domain}/fake/x:1`;
const layer = (): string => built.layers[0]?.digest ?? '';

async function configure(first = '', second = '', server = ''): Promise<void> {
  await mkdir(join(directory, domain), { recursive: true });
  const [a, b, c] = hosts;
  const text = `server = "http://${c.host}"\n${server}
[host."http://${a.host}"]\n${first}\n[host."http://${b.host}"]\n${second}\n`;
  await writeFile(join(directory, domain, 'hosts.toml'), text);
}

function open(options: Partial<RegistryOptions> & { name?: string } = {}): Registry {
  const { signal } = new AbortController();
  const emit = (event: JobEvent): void => void events.push(event);
  const reference = parseReference(options.name ?? image);
  return new Registry({ reference, credentials: undefined, signal, emit, hostsDirectory: directory, ...options });
}

const answer = (host: FakeRegistry, status: number, headers = {}): void => {
  host.misbehave = (_request, response) => {
    response.writeHead(status, headers).end();
    return true;
  };
};
const asked = () => hosts.map(({ seen }) => seen.length);
const warnings = () => events.flatMap((event) => (event.type === 'message' ? [event.message] : []));

async function readAll(registry: Registry, offset = 0): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await registry.blob(layer(), offset)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('the first host that can', () => {
  it('serves everything, and is told whose images are meant', async () => {
    const urls: (string | undefined)[] = [];
    hosts[0].misbehave = (request) => {
      urls.push(request.url);
      return false;
    };
    using registry = open();
    const found = await registry.resolve();
    expect(found).toMatchObject({ digest: built.manifest.digest });
    await registry.manifest(found);
    expect((await readAll(registry)).length).toBeGreaterThan(100_000);
    await registry.prove(layer(), 'blobs');
    expect(asked()).toEqual([4, 0, 0]);
    expect(urls.map((url) => url?.split('?')[1])).toEqual(Array(4).fill(`ns=${domain}`));
    expect(warnings()).toEqual([]);
  });

  it.each([
    ['does not know the image', 404, 0],
    ['fails', 500, 1],
    ['denies it', 403, 1],
    ['wants credentials that nobody has', 401, 1],
    ['has too much to do', 429, 1],
    ['answers strangely', 418, 1],
  ])('is the second where the first %s', async (_what, status, told) => {
    answer(hosts[0], status);
    using registry = open();
    await registry.manifest(await registry.resolve());
    await readAll(registry);
    expect(asked()).toEqual([1, 3, 0]);
    expect(warnings()).toHaveLength(told);
    if (told > 0)
      expect(warnings()[0]).toMatch(new RegExp(`${hosts[0].host}.*; ${hosts[1].host} serves ${image} instead`));
  });

  it('is the last where the others are not there, and it is not told whose images are meant when they are its own', async () => {
    await hosts[0].stop();
    await hosts[1].stop();
    const own = hosts[2].host;
    await mkdir(join(directory, own), { recursive: true });
    await writeFile(
      join(directory, own, 'hosts.toml'),
      `[host."http://${hosts[0].host}"]\n[host."http://${hosts[1].host}"]\n`,
    );
    const urls: (string | undefined)[] = [];
    hosts[2].misbehave = (request) => {
      urls.push(request.url);
      return false;
    };
    using registry = open({ name: `${own}/fake/x:1` });
    await registry.resolve();
    expect(urls).toEqual(['/v2/fake/x/manifests/1']);
    expect(warnings()).toHaveLength(2);
  });

  it.each([
    ['/proxy/hub', '', '/proxy/hub/v2/fake/x/manifests/1'],
    ['/proxy/hub/', 'override_path = true', '/proxy/hub/fake/x/manifests/1'],
    ['/', 'override_path = true', '/fake/x/manifests/1'],
    ['/a/v2/', '', '/a/v2/fake/x/manifests/1'],
  ])('has its API below %s (%s)', async (root, more, path) => {
    await writeFile(join(directory, domain, 'hosts.toml'), `server = "http://${hosts[0].host}${root}"\n${more}\n`);
    using registry = open();
    await registry.resolve();
    expect(hosts[0].seen).toMatchObject([{ path }]);
  });

  it('may resolve a tag only where it says so; content comes from any', async () => {
    await configure('capabilities = ["pull"]', 'capabilities = ["push"]');
    using registry = open();
    const found = await registry.resolve();
    expect(asked()).toEqual([0, 0, 1]);
    await registry.manifest(found);
    expect(asked()).toEqual([1, 0, 1]);
    using byDigest = open({ name: `${domain}/fake/x@${built.manifest.digest}` });
    await byDigest.resolve();
    expect(asked()).toEqual([2, 0, 1]);
  });

  it('must be named', async () => {
    const none = 'capabilities = ["pull"]';
    await configure(none, none, none);
    using registry = open();
    await expect(registry.resolve()).rejects.toMatchObject({
      reason: 'registry_hosts',
      message: expect.stringContaining('hosts.toml names no host'),
    });
    expect(asked()).toEqual([0, 0, 0]);
  });
});

describe('a host that turns bad', () => {
  it('in the middle of a layer hands over to the next one, which goes on there', async () => {
    const bytes = await readFile(blobPath(layout, layer()));
    hosts[0].misbehave = (_request, response, path) => {
      if (!path.includes('/blobs/')) return false;
      response
        .writeHead(200, { 'content-length': bytes.length })
        .write(bytes.subarray(0, 50_000), () => response.destroy());
      return true;
    };
    using registry = open();
    let start = 0;
    await expect(
      (async () => {
        for await (const chunk of await registry.blob(layer(), 0)) start += chunk.length;
      })(),
    ).rejects.toThrow();
    expect(await readAll(registry, start)).toEqual(bytes.subarray(start));
    expect(hosts[1].seen).toMatchObject([{ range: start > 0 ? `bytes=${start}-` : undefined }]);
  });

  it('by sending something else is not asked for it again', async () => {
    using registry = open();
    await readAll(registry);
    await readAll(registry);
    expect(asked()).toEqual([1, 1, 0]);
  });

  it.each([
    ['another document', 'x', {}],
    ['the document as something else', undefined, { 'content-type': 'text/html' }],
  ])('by sending %s is left for the next one', async (_what, body, headers) => {
    const bytes = await readFile(blobPath(layout, built.manifest.digest));
    hosts[0].misbehave = (_request, response) => {
      response.writeHead(200, { 'content-type': built.manifest.mediaType, ...headers }).end(body ?? bytes);
      return true;
    };
    using registry = open();
    expect(await registry.manifest(built.manifest)).toEqual(bytes);
    expect(asked()).toEqual([1, 1, 0]);
    expect(warnings()).toHaveLength(1);
  });

  it('is not one that lacks what need not be there', async () => {
    for (const host of hosts) {
      host.misbehave = (_request, response, path) => {
        if (path.includes('/referrers/')) response.writeHead(404).end();
        return path.includes('/referrers/');
      };
    }
    using registry = open();
    expect(await registry.find(`referrers/${built.manifest.digest}`, '*/*')).toBeUndefined();
    await registry.resolve();
    expect(asked()).toEqual([2, 1, 1]);
  });

  it('is tried again when no other is left, and never where it said no for good', async () => {
    let times = 0;
    answer(hosts[0], 404);
    answer(hosts[1], 403);
    hosts[2].misbehave = (_request, response) => {
      times += 1;
      if (times < 3) response.writeHead(503).end();
      return times < 3;
    };
    using registry = open();
    await registry.resolve();
    expect(asked()).toEqual([1, 1, 3]);
  });

  it('by not answering does not use up the time of the others', async () => {
    hosts[0].misbehave = () => true;
    const others = Array.from({ length: 30 }, (_, index) => `[host."http://127.0.0.1:${index + 1}"]\n`).join('');
    const { host } = hosts[1];
    const text = `server = "http://${host}"\n[host."http://${hosts[0].host}"]\n${others}`;
    await writeFile(join(directory, domain, 'hosts.toml'), text);
    using registry = open();
    const started = performance.now();
    const found = await registry.resolve();
    expect(performance.now() - started).toBeLessThan(5_000);
    await registry.manifest(found);
    expect(asked()).toEqual([1, 2, 0]);
  });
});

describe('when no host helps', () => {
  it.each([
    [[404, 404, 404], 'image_not_found', 'user', 0],
    [[404, 403, 404], 'registry_denied', 'user', 1],
    [[403, 401, 404], 'registry_denied', 'user', 0],
    [[404, 404, 418], undefined, 'infrastructure', 2],
  ])('%j is told as %s, by the first that got furthest', async (statuses, reason, kind, first) => {
    for (const [index, host] of hosts.entries()) answer(host, statuses[index] ?? 0);
    using registry = open();
    const failure = await registry.resolve().catch((error: unknown) => error);
    expect(failure).toMatchObject({ class: kind, reason });
    const { message } = failure as Error;
    for (const { host } of hosts) expect(message).toContain(host);
    expect(message.indexOf(hosts[first]?.host ?? '')).toBeLessThan(message.indexOf('tried as well'));
    expect(asked()).toEqual([1, 1, 1]);
  });

  it('whatever each of three says, the first that has it serves it, and else the first that got furthest is told', async () => {
    const says = [200, 404, 403, 418];
    const reasons = new Map<number, string | undefined>([
      [404, 'image_not_found'],
      [403, 'registry_denied'],
    ]);
    for (const statuses of says.flatMap((a) => says.flatMap((b) => says.map((c) => [a, b, c])))) {
      for (const [index, host] of hosts.entries()) {
        host.seen.length = 0;
        answer(host, statuses[index] ?? 0);
        if (statuses[index] === 200) host.misbehave = () => false;
      }
      using registry = open();
      const serving = statuses.indexOf(200);
      const outcome = await registry.resolve().then(
        () => 'served',
        ({ reason }: { reason: string | undefined }) => reason,
      );
      const told = statuses.find((status) => status !== 404) ?? 404;
      expect([statuses, outcome]).toEqual([statuses, serving >= 0 ? 'served' : reasons.get(told)]);
      expect(asked()).toEqual(statuses.map((_, index) => (serving < 0 || index <= serving ? 1 : 0)));
    }
  });

  it('an image that nobody has is unknown even though a mirror is down', async () => {
    await hosts[0].stop();
    answer(hosts[1], 404);
    answer(hosts[2], 404);
    using registry = open();
    await expect(registry.resolve()).rejects.toMatchObject({ class: 'user', reason: 'image_not_found' });
    expect(asked()).toEqual([0, 1, 1]);
  });

  it('and one may later, it is tried five times; what would help is told, whoever it is about', async () => {
    await hosts[0].stop();
    answer(hosts[2], 503);
    const file = join(directory, domain, 'hosts.toml');
    const secured = hosts[1].host;
    await writeFile(file, (await readFile(file, 'utf8')).replace(`http://${secured}`, `https://${secured}`));
    using registry = open();
    const failing = registry.resolve();
    await expect(failing).rejects.toMatchObject({
      class: 'infrastructure',
      reason: 'registry_unavailable',
      hint: expect.stringContaining(`write the host as "http://${secured}"`),
    });
    for (const { host } of hosts) await expect(failing).rejects.toThrow(host);
    expect(asked()).toEqual([0, 0, 5]);
  });
});

describe('what a host is shown', () => {
  it('are the credentials of its own name, asked for once', async () => {
    const asks: string[] = [];
    const credentials: CredentialSource = {
      find: async ({ host }) => {
        asks.push(host);
        return { kind: 'password', username: 'u', password: host };
      },
    };
    const basic = (host: FakeRegistry) => `Basic ${Buffer.from(`u:${host.host}`).toString('base64')}`;
    for (const host of hosts) {
      host.misbehave = (request, response) => {
        const isRight = request.headers.authorization === basic(host);
        if (!isRight || host === hosts[0]) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return !isRight || host === hosts[0];
      };
    }
    using registry = open({ credentials });
    await registry.manifest(await registry.resolve());
    expect(asks).toEqual([hosts[0].host, hosts[1].host]);
    const sent = hosts.map(({ seen }) => [...new Set(seen.map(({ authorization }) => authorization))]);
    expect(sent).toEqual([[undefined, basic(hosts[0])], [undefined, basic(hosts[1])], []]);
  });

  it('are the headers of its table, and nobody it redirects to sees them', async () => {
    const table = (host: FakeRegistry) =>
      `[host."http://${host.host}".header]\nx-key = "secret"\nauthorization = "Basic eDp5"\nx-list = ["1", "2"]\nuser-agent = "secret"`;
    await configure(table(hosts[0]));
    const seen: IncomingMessage['headers'][] = [];
    hosts[0].misbehave = (request, response, path) => {
      seen.push(request.headers);
      if (!path.includes('/blobs/')) return false;
      response.writeHead(307, { location: `http://${hosts[2].host}${path}` }).end();
      return true;
    };
    const strangers: IncomingMessage['headers'][] = [];
    using registry = open();
    await registry.manifest(await registry.resolve());
    expect(seen).toHaveLength(2);
    for (const headers of seen) {
      expect(headers).toMatchObject({ 'x-key': 'secret', authorization: 'Basic eDp5', 'x-list': '1, 2' });
    }
    hosts[2].misbehave = (request) => {
      strangers.push(request.headers);
      return false;
    };
    await readAll(registry);
    expect(strangers).toHaveLength(1);
    expect(strangers[0]).toMatchObject({ 'user-agent': 'componentd' });
    expect(Object.keys(strangers[0] ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });
});

describe('a host of which a reference or a registry knows', () => {
  it('may not be link-local, unless the operator names it', async () => {
    using registry = open({ name: '169.254.1.1/x:1' });
    await expect(registry.resolve()).rejects.toMatchObject({
      class: 'user',
      reason: 'address_refused',
      hint: expect.stringContaining('169.254.1.1/hosts.toml'),
    });
    await mkdir(join(directory, '169.254.1.1'), { recursive: true });
    await writeFile(
      join(directory, '169.254.1.1', 'hosts.toml'),
      'server = "https://169.254.1.1:9"\ndial_timeout = "50ms"\n',
    );
    using allowed = open({ name: '169.254.1.1/x:1', signal: AbortSignal.timeout(300) });
    await expect(allowed.resolve()).rejects.not.toMatchObject({ reason: 'address_refused' });
  });

  it('on this machine is http by its port, and what to write is told where it speaks TLS', async () => {
    hosts[0].misbehave = (request, response) => {
      response.writeHead(400);
      response.end(request.method === 'HEAD' ? undefined : 'Client sent an HTTP request to an HTTPS server.\n');
      return true;
    };
    using registry = open({ name: `${hosts[0].host}/x:1` });
    await expect(registry.resolve()).rejects.toMatchObject({
      class: 'infrastructure',
      reason: 'not_http',
      hint: expect.stringMatching(/write server as "https:\/\/127.0.0.1:\d+" in .*127.0.0.1_\d+_\/hosts.toml/),
    });
  });
});
