import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type BuiltImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { InfrastructureError } from '../../../src/base/errors.ts';
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
let authority: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  built = await buildLayout({ layers: [{ a: 'b' }] }, layout);
  plain = await startFakeRegistry(layout);
  authority = join(place.directory, 'cert.pem');
  const key = join(place.directory, 'key.pem');
  const subject = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:::ffff:7f00:1'];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    authority,
    ...subject,
  ]);
  secure = await startSecure(key, authority);
});
afterEach(async () => {
  await secure.stop();
  await plain.stop();
  await place.leave();
});

/** A TLS front of the plain registry; `redirect` decides where blobs are to be had. */
async function startSecure(key: string, certificate: string) {
  const state = { redirect: undefined as string | undefined };
  const front: RequestListener = async (request, response) => {
    if (state.redirect !== undefined && request.url?.includes('/blobs/')) {
      response.writeHead(307, { location: `${state.redirect}${request.url}` }).end();
      return;
    }
    const answer = await fetch(`http://${plain.host}${request.url}`, { method: request.method ?? 'GET' });
    const body = Buffer.from(await answer.arrayBuffer());
    response.writeHead(
      answer.status,
      Object.fromEntries([...answer.headers].filter(([name]) => !/^(connection|keep-alive)$/.test(name))),
    );
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const server = createServer({ key: await readFile(key), cert: await readFile(certificate) }, front);
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(state, { name: `${host}:${(server.address() as AddressInfo).port}/tls/x:1`, stop });
}

const pull = () =>
  run(process.execPath, [child, place.client.address, place.client.namespace, secure.name], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: authority },
  });

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
