import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { buildLayout } from '../../../scripts/lib/oci-image.ts';
import { createImages } from '../../../src/image/images.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const run = promisify(execFile);
const domain = 'images.example';
const reference = `${domain}/fake/x:1`;
let place: ImagePlace;
let hosts: readonly FakeRegistry[];
let log: string[];

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  await buildLayout({ layers: [{ a: 'b' }] }, layout);
  hosts = await Promise.all([1, 2, 3].map(() => startFakeRegistry(layout)));
});
afterEach(async () => {
  for (const host of hosts) await host.stop();
  await place.leave();
});

/** What a client asks to find out what the tag means, with how each host answers. */
async function asked(statuses: readonly number[], client: () => Promise<unknown>): Promise<readonly string[]> {
  log = [];
  for (const [index, host] of hosts.entries()) {
    const status = statuses[index] ?? 200;
    host.misbehave = ({ method, url, headers }, response) => {
      if (url?.includes('/manifests/1')) log.push(`${'ABC'[index]} ${method} ${url} ${headers['x-one'] ?? ''}`);
      if (status !== 200) response.writeHead(status).end();
      return status !== 200;
    };
  }
  await client().catch(() => {});
  return log;
}

test('are asked by containerd itself as they are by us', async () => {
  const hostsDirectory = join(place.directory, 'certs.d');
  const ctr = [
    '-a',
    place.client.address,
    '-n',
    place.client.namespace,
    'images',
    'pull',
    '--hosts-dir',
    hostsDirectory,
  ];
  const images = createImages(place.client, { hostsDirectory });
  const [a, b] = ['[host."http://A"]\n', '[host."http://B"]\n'];
  const cases: readonly (readonly [folder: string, text: string, statuses: readonly number[]])[] = [
    [domain, `${a}[host."http://A".header]\nx-one = ["1", "2"]\n${b}`, [200, 200, 200]],
    [domain, `${b}${a}`, [200, 404, 200]],
    [domain, `${a}${b}`, [404, 403, 200]],
    [domain, `${a}${b}`, [404, 404, 404]],
    [domain, `override_path = true\n${a}capabilities = ["pull"]\n${b}capabilities = ["push"]\n`, [200, 200, 200]],
    [
      '_default',
      '[host."http://A/p"]\n[host."http://B/p/v2"]\n[host."http://B/q"]\noverride_path = true\n',
      [404, 404, 200],
    ],
  ];
  for (const [folder, text, statuses] of cases) {
    await rm(hostsDirectory, { recursive: true, force: true });
    await mkdir(join(hostsDirectory, folder), { recursive: true });
    const named = `server = "http://C"\n${text}`.replace(
      /(?<=http:..)[ABC]/g,
      (letter) => hosts['ABC'.indexOf(letter)]?.host ?? '',
    );
    await writeFile(join(hostsDirectory, folder, 'hosts.toml'), named);
    const byContainerd = await asked(statuses, () => run('ctr', [...ctr, reference]));
    const byUs = await asked(statuses, () => images.ensure({ reference, policy: 'always' }, place.call));
    expect([text, byUs]).toEqual([text, byContainerd]);
    expect(byUs.length).toBeGreaterThan(0);
  }
});
