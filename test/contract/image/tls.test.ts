import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { createImages } from '../../../src/image/images.ts';
import { type Authority, type KeyPair, makeAuthority } from '../../support/authority.ts';
import { startCli } from '../../support/cli.ts';
import { startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';

const run = promisify(execFile);
let directory: string;
let authority: Authority;
let stranger: Authority;
let client: KeyPair;
let layout: string;
let built: BuiltImage;
/** With a certificate of the authority, and users. */
let guarded: Registry;
/** Wants a client certificate. */
let mutual: Registry;
let hostsDirectory: string;
let place: ImagePlace;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-tls-'));
  [authority, stranger] = [await makeAuthority(join(directory, 'ca')), await makeAuthority(join(directory, 'other'))];
  const server = await authority.server('registry');
  client = await authority.client('node');
  const htpasswd = join(directory, 'htpasswd');
  await writeFile(htpasswd, (await run('htpasswd', ['-Bbn', 'reader', 'sesame'])).stdout);
  guarded = await startRegistry({ tls: server, htpasswd });
  mutual = await startRegistry({ tls: { ...server, clientAuthority: authority.certificate } });
  layout = join(directory, 'layout');
  built = await buildLayout({ layers: [{ a: 'b'.repeat(10_000) }] }, layout);
  const folder = join(directory, 'push');
  await mkdir(folder);
  await run('cp', [client.certificate, join(folder, 'node.cert')]);
  await run('cp', [client.key, join(folder, 'node.key')]);
  const push = (host: string, options: readonly string[]) =>
    run('skopeo', [
      'copy',
      '--preserve-digests',
      '--dest-tls-verify=false',
      ...options,
      `oci:${layout}`,
      `docker://${host}/x/y:1`,
    ]);
  await push(guarded.host, ['--dest-creds', 'reader:sesame']);
  await push(mutual.host, ['--dest-cert-dir', folder]);
});
afterAll(async () => {
  await guarded.stop();
  await mutual.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  hostsDirectory = join(place.directory, 'certs.d');
});
afterEach(() => place.leave());

async function configure(host: string, text: string): Promise<void> {
  const folder = join(hostsDirectory, host.replace(/:(\d+)$/, '_$1_'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'hosts.toml'), text);
}

const credentials = { username: 'reader', password: 'sesame' };
const pull = (host: string, more: { credentials?: typeof credentials } = {}) =>
  createImages(place.client, { hostsDirectory }).ensure(
    { reference: `${host}/x/y:1`, policy: 'always', ...more },
    place.call,
  );

describe('a registry on this machine that speaks TLS', () => {
  test('is told apart from one that does not, with what to write', async () => {
    for (const host of [guarded.host, mutual.host]) {
      await expect(pull(host)).rejects.toMatchObject({
        class: 'infrastructure',
        reason: 'not_http',
        hint: expect.stringContaining(`"https://${host}" in ${hostsDirectory}/127.0.0.1_`),
      });
    }
  });

  test('is pulled from with its authority, which has to be the right one, or with none at all', async () => {
    await configure(guarded.host, `ca = "${authority.certificate}"`);
    expect((await pull(guarded.host, { credentials })).digest).toBe(built.manifest.digest);
    await expect(pull(guarded.host)).rejects.toMatchObject({ reason: 'registry_denied' });
    const wrong = { credentials: { ...credentials, password: 'wrong' } };
    await expect(pull(guarded.host, wrong)).rejects.toMatchObject({ reason: 'registry_denied' });

    await configure(guarded.host, `ca = "${stranger.certificate}"`);
    await expect(pull(guarded.host, { credentials })).rejects.toMatchObject({
      class: 'infrastructure',
      reason: 'certificate_refused',
      hint: expect.stringContaining(hostsDirectory),
    });
    await configure(guarded.host, `server = "https://${guarded.host}"\nskip_verify = true`);
    expect((await pull(guarded.host, { credentials })).digest).toBe(built.manifest.digest);
  });

  test('may want to see a certificate', async () => {
    const ca = `ca = "${authority.certificate}"`;
    await configure(mutual.host, ca);
    await expect(pull(mutual.host)).rejects.toMatchObject({
      class: 'infrastructure',
      reason: 'certificate_wanted',
      hint: expect.stringContaining('client'),
    });
    const other = await stranger.client('other');
    await configure(mutual.host, `${ca}\nclient = [["${other.certificate}", "${other.key}"]]`);
    await expect(pull(mutual.host)).rejects.toMatchObject({ reason: 'certificate_wanted' });
    await configure(mutual.host, `${ca}\nclient = [["${client.certificate}", "${client.key}"]]`);
    expect((await pull(mutual.host)).digest).toBe(built.manifest.digest);
  });

  test('may have its files where Docker has them', async () => {
    const folder = join(hostsDirectory, mutual.host);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'ca.crt'), await readFile(authority.certificate));
    await writeFile(join(folder, 'node.cert'), await readFile(client.certificate));
    await writeFile(join(folder, 'node.key'), await readFile(client.key));
    expect((await pull(mutual.host)).digest).toBe(built.manifest.digest);
  });
});

test('a mirror with a certificate of its own is asked first, and the next one where that fails', async () => {
  const upstream = await startFakeRegistry(layout);
  try {
    const mirror = (more: string) => `server = "http://${upstream.host}"\n[host."https://${mutual.host}"]\n${more}`;
    const shown = `ca = "${authority.certificate}"\nclient = [["${client.certificate}", "${client.key}"]]`;
    await configure('images.example', mirror(shown));
    await pull('images.example');
    expect(upstream.seen).toEqual([]);
    await configure('images.example', mirror(''));
    await pull('images.example');
    expect(upstream.seen.length).toBeGreaterThan(0);
    expect(place.events).toContainEqual(
      expect.objectContaining({
        type: 'message',
        message: expect.stringContaining(`certificate of ${mutual.host} is refused`),
      }),
    );
  } finally {
    await upstream.stop();
  }
});

test('a wrong file stops every pull from the registry that it is for, and names all that is wrong', async () => {
  await configure(guarded.host, 'server = "http://example.com"\nca = "absent.pem"\ncapabilites = []\n');
  const settings = join(place.directory, 'config.json');
  await writeFile(settings, JSON.stringify({ images: { hostsDirectory } }));
  const env = { ...process.env, CONTAINERD_ADDRESS: place.client.address, COMPONENTD_CONFIG: settings };
  const { code, stderr } = await startCli({ args: ['image', 'pull', `${guarded.host}/x/y:1`], env }).done;
  expect(code).toBe(3);
  for (const line of [1, 2, 3]) expect(stderr).toContain(`hosts.toml:${line}: `);
  expect(stderr).toContain('did you mean capabilities?');
});
