import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type BuiltImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { InfrastructureError } from '../../../src/base/errors.ts';
import { createImages } from '../../../src/image/images.ts';
import { type Authority, type KeyPair, makeAuthority } from '../../support/authority.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const run = promisify(execFile);
const child = fileURLToPath(new URL('../../support/pull-child.ts', import.meta.url));
/** This machine, in a spelling that does not count as loopback: so it gets TLS. */
const host = '[::ffff:7f00:1]';
let place: ImagePlace;
let built: BuiltImage;
let plain: FakeRegistry;
let secure: Awaited<ReturnType<typeof startSecure>>;
let authority: Authority;
let server: KeyPair;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  built = await buildLayout({ layers: [{ a: 'b' }] }, layout);
  plain = await startFakeRegistry(layout);
  authority = await makeAuthority(join(place.directory, 'ca'));
  server = await authority.server('registry');
  secure = await startSecure(server);
});
afterEach(async () => {
  await secure.stop();
  await plain.stop();
  await place.leave();
});

/** A TLS front of the plain registry; `redirect` decides where blobs are to be had. It wants to see certificates, and takes none amiss. */
async function startSecure({ certificate, key }: KeyPair) {
  const state = { redirect: undefined as string | undefined };
  const seen: { path: string; headers: IncomingHttpHeaders; shown: string | undefined }[] = [];
  const front: RequestListener = async (request, response) => {
    const { url: path = '', headers } = request;
    seen.push({ path, headers, shown: (request.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString() });
    if (state.redirect !== undefined && path.includes('/blobs/')) {
      response.writeHead(307, { location: `${state.redirect}${path}` }).end();
      return;
    }
    const answer = await fetch(`http://${plain.host}${path}`, { method: request.method ?? 'GET' });
    const body = Buffer.from(await answer.arrayBuffer());
    response.writeHead(
      answer.status,
      Object.fromEntries([...answer.headers].filter(([name]) => !/^(connection|keep-alive)$/.test(name))),
    );
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const files = { key: await readFile(key), cert: await readFile(certificate) };
  const listener = createServer({ ...files, requestCert: true, rejectUnauthorized: false }, front);
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve));
  const stop = async (): Promise<void> => {
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
  };
  const { port } = listener.address() as AddressInfo;
  return Object.assign(state, { host: `${host}:${port}`, name: `${host}:${port}/tls/x:1`, seen, stop });
}

const pull = () =>
  run(process.execPath, [child, place.client.address, place.client.namespace, secure.name], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: authority.certificate },
  });

/** A pull that knows of the registry what an operator says of it. */
async function pullConfigured(text: string): Promise<void> {
  const hostsDirectory = join(place.directory, 'certs.d');
  await mkdir(join(hostsDirectory, secure.host), { recursive: true });
  await writeFile(join(hostsDirectory, secure.host, 'hosts.toml'), text);
  await createImages(place.client, { hostsDirectory }).ensure({ reference: secure.name, policy: 'always' }, place.call);
}

test('a registry elsewhere is spoken to with TLS, trusting the given authority', async () => {
  await pull();
  const { image } = await place.client.call('Images.Get', { name: secure.name });
  expect(image?.target?.digest).toBe(built.manifest.digest);
});

test('a certificate that nobody vouches for is an infrastructure error', async () => {
  const refused = place.ensure(secure.name);
  await expect(refused).rejects.toThrow(InfrastructureError);
  await expect(refused).rejects.toMatchObject({ hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
  expect(plain.seen).toEqual([]);
});

test('TLS is never left for plain http', async () => {
  secure.redirect = `http://${plain.host}`;
  await expect(pull()).rejects.toThrow('https must stay https');
  expect(plain.seen.filter(({ path }) => path.includes('/blobs/'))).toEqual([]);
});

test('what a registry is shown and forgiven is not for those to whom it redirects; the authorities it is trusted by are', async () => {
  const storage = await startSecure(server);
  try {
    secure.redirect = `https://${storage.host}`;
    await expect(pullConfigured('skip_verify = true')).rejects.toMatchObject({ reason: 'certificate_refused' });
    expect(storage.seen).toEqual([]);
    const client = await authority.client('node');
    const shown = `client = [["${client.certificate}", "${client.key}"]]\n[header]\nx-key = "secret"`;
    await pullConfigured(`ca = "${authority.certificate}"\n${shown}`);
    const told = ({ shown: name, headers }: (typeof storage.seen)[number]) => [name, headers['x-key']];
    expect(secure.seen.slice(-2).map(told)).toEqual(Array(2).fill(['node', 'secret']));
    expect(storage.seen.map(told)).toEqual(Array(2).fill([undefined, undefined]));
  } finally {
    await storage.stop();
  }
});
