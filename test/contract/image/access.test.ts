import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, buildImage, buildLayout, type ImageSpec } from '../../../scripts/lib/oci-image.ts';
import { classify } from '../../../src/base/errors.ts';
import { setImageLabels } from '../../../src/containerd/image-labels.ts';
import { type AccessRules, accessLabel } from '../../../src/image/access.ts';
import { readBase } from '../../../src/image/build/base-images.ts';
import { builtHost } from '../../../src/image/build/built.ts';
import { createImages } from '../../../src/image/images.ts';
import type { ImageRequest } from '../../../src/image/types.ts';
import { startFakeRegistry } from '../../support/fake-registry.ts';
import { type Front, openFront } from '../../support/front.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';

const run = promisify(execFile);
const hour = 3_600_000;
const fresh: AccessRules = { freshMs: hour, graceMs: 0 };
const due: AccessRules = { freshMs: 0, graceMs: 0 };
const alice = { username: 'alice', password: 'secret-of-alice' };
const spec: ImageSpec = { layers: [{ secret: 'of the tenant' }, { more: 'of it' }] };
const bob = { username: 'bob', password: 'secret-of-bob' };
/** Of two tenants. */
let ours: ImagePlace;
let others: ImagePlace;
let registry: Registry;
let front: Front;
let htpasswd: string;
let built: BuiltImage;
let name: string;

beforeAll(async () => {
  ours = await openImagePlace(inject('containerdAddress'));
  others = await openImagePlace(inject('containerdAddress'));
  htpasswd = join(ours.directory, 'htpasswd');
  await allow(alice, bob);
  registry = await startRegistry({ htpasswd });
  front = await openFront(registry.host);
  name = `${front.host}/private/x:1`;
  built = await push(spec);
});
beforeEach(() => {
  front.seen.length = 0;
  ours.events.length = 0;
});
afterAll(async () => {
  await front.stop();
  await registry.stop();
  await others.leave();
  await ours.leave();
});

async function push(image: ImageSpec): Promise<BuiltImage> {
  const layout = await mkdtemp(join(ours.directory, 'layout-'));
  const pushed = await buildLayout(image, layout);
  const options = ['--preserve-digests', '--dest-tls-verify=false', '--dest-creds', `alice:${alice.password}`];
  await run('skopeo', ['copy', '-q', ...options, `oci:${layout}`, `docker://${registry.host}/private/x:1`]);
  return pushed;
}

async function allow(...users: readonly { username: string; password: string }[]): Promise<void> {
  const lines = await Promise.all(
    users.map(async ({ username, password }) =>
      (await run('htpasswd', ['-nbB', '-C', '4', username, password])).stdout.trim(),
    ),
  );
  await writeFile(htpasswd, lines.join('\n'));
}

async function use(place: ImagePlace, access: AccessRules, more: Partial<ImageRequest> = {}): Promise<string> {
  const images = createImages(place.client, { access });
  return (await images.ensure({ reference: name, policy: 'missing', ...more }, place.call)).digest;
}

async function refusal(place: ImagePlace, access: AccessRules, more: Partial<ImageRequest> = {}): Promise<string> {
  try {
    await use(place, access, more);
  } catch (error) {
    const { reason, message } = classify(error);
    return `${reason}: ${message}`;
  }
  throw new Error('it may be used');
}

async function label(place: ImagePlace): Promise<string> {
  return (await place.client.call('Images.Get', { name })).image?.labels[accessLabel] ?? '';
}

/** Requests that were let in, and what of the image was sent. */
const answered = (): readonly string[] =>
  front.seen.filter((line) => line.endsWith(' 200')).map((line) => line.split(' ')[0] ?? '');

describe('a private image', () => {
  test('is used again without a question by whom the registry gave it to', async () => {
    expect(await use(ours, fresh, { credentials: alice })).toBe(built.manifest.digest);
    expect(answered()).toEqual(['HEAD', 'GET', 'GET', 'GET', 'GET']);
    front.seen.length = 0;
    expect(await use(ours, fresh, { credentials: alice })).toBe(built.manifest.digest);
    expect(front.seen).toEqual([]);
    expect(await label(ours)).toMatch(/^sha256:[a-f0-9]{64} private [a-f0-9]{32} [a-f0-9]{32}@\d+$/);
    expect(await label(ours)).not.toContain('alice');
    const inspected = await ours.local.inspect(name);
    expect(inspected).toMatchObject({ access: { kind: 'private', givenAt: expect.stringMatching(/^20\d\d-/) } });
  });

  test('is the base of a build only as it was ensured, whatever its name stands for by then', async () => {
    const request = { reference: name, policy: 'missing', credentials: alice } as const;
    const image = await createImages(ours.client, { access: fresh }).ensure(request, ours.call);
    expect(await readBase(ours.client, name, image)).toMatchObject({ digest: built.manifest.digest });
    const other = { ...image, digest: `sha256:${'0'.repeat(64)}` };
    await expect(readBase(ours.client, name, other)).rejects.toThrow('replaced');
  });

  test('is refused within the tenant to whoever has no right to it', async () => {
    const before = await label(ours);
    expect(await refusal(ours, fresh)).toMatch(
      /^registry_denied: .*is present, but may not be used: .*needs credentials/,
    );
    const wrong = { username: 'alice', password: 'guessed' };
    expect(await refusal(ours, fresh, { credentials: wrong })).toMatch(/^registry_denied: .*do not allow it/);
    expect(await label(ours)).toBe(before);
    expect(answered()).toEqual([]);
  });

  test('is used by another of the tenant once the registry has said that he may, and both are remembered', async () => {
    await use(ours, fresh, { credentials: bob });
    expect(answered()).toEqual(['HEAD']);
    front.seen.length = 0;
    await use(ours, fresh, { credentials: bob });
    await use(ours, fresh, { credentials: alice });
    expect(front.seen).toEqual([]);
  });

  test.each(['the same tenant', 'another one'])(
    'is given to nobody of %s by a registry that only knows its digest',
    async (whose) => {
      await use(ours, fresh, { credentials: alice });
      const liar = await startFakeRegistry(ours.directory);
      const { digest, mediaType, size } = built.manifest;
      liar.misbehave = ({ method }, response) => {
        const headers = { 'content-type': mediaType, 'content-length': size, 'docker-content-digest': digest };
        response.writeHead(method === 'HEAD' ? 200 : 404, method === 'HEAD' ? headers : {}).end();
        return true;
      };
      try {
        const place = whose === 'another one' ? others : ours;
        expect(await refusal(place, fresh, { reference: `${liar.host}/stolen/x:1` })).toMatch(/^image_not_found: /);
      } finally {
        await liar.stop();
      }
    },
  );

  test('is no other tenant’s without credentials, and with them only documents are sent again', async () => {
    expect(await refusal(others, fresh)).toMatch(/^registry_denied: /);
    expect(await others.content()).toEqual([]);
    front.seen.length = 0;
    expect(await use(others, fresh, { credentials: bob })).toBe(built.manifest.digest);
    expect(front.seen.filter((line) => line.endsWith(' 200'))).toEqual([
      expect.stringMatching(/^HEAD .*manifests/),
      expect.stringMatching(/^GET .*manifests/),
      expect.stringMatching(/^GET .*blobs/),
      expect.stringMatching(/^HEAD .*blobs/),
      expect.stringMatching(/^HEAD .*blobs/),
    ]);
    expect(await others.content()).toHaveLength(4);
  });

  test('is asked for again when the time is over, which costs one question', async () => {
    const old = (await label(ours)).replace(/@(\d+)/g, (_, seconds) => `@${Number(seconds) - 100}`);
    await setImageLabels(ours.client, name, { [accessLabel]: old });
    await use(ours, { freshMs: 120_000, graceMs: 0 }, { credentials: alice });
    expect(answered()).toEqual([]);
    await use(ours, { freshMs: 90_000, graceMs: 0 }, { credentials: alice });
    expect(answered()).toEqual(['HEAD']);
    expect(await label(ours)).not.toBe(old);
  });

  test('is not used while the registry is away and the time is over, except in the time of grace', async () => {
    front.isShut = true;
    try {
      await use(ours, fresh, { credentials: alice });
      expect(await refusal(ours, { freshMs: 1, graceMs: 0 }, { credentials: alice })).toMatch(
        /^registry_unavailable: .* said so on \d{4}-\d\d-\d\d .* which counted until \d{4}-.*; and it cannot be asked: /,
      );
      await use(ours, { freshMs: 1, graceMs: hour }, { credentials: alice });
      expect(ours.events).toContainEqual({
        type: 'message',
        level: 'warning',
        message: expect.stringMatching(/it is used until .* UTC, because the registry cannot be asked/),
      });
      // Nobody has grace who never had access.
      expect(await refusal(ours, { freshMs: 1, graceMs: hour })).toContain('it has never said so');
    } finally {
      front.isShut = false;
    }
  });

  test('is not used without a question where none may be asked', async () => {
    await use(ours, fresh, { credentials: alice, policy: 'never' });
    expect(await refusal(ours, due, { credentials: alice, policy: 'never' })).toMatch(/^access_unproven: /);
    expect(front.seen).toEqual([]);
  });

  test('is asked for when nobody knows where it came from, and remembered from then on', async () => {
    await setImageLabels(ours.client, name, { [accessLabel]: '' });
    expect(await refusal(ours, fresh)).toMatch(/^registry_denied: /);
    front.seen.length = 0;
    await use(ours, fresh, { credentials: alice });
    await use(ours, fresh, { credentials: alice });
    expect(answered()).toEqual(['HEAD']);
  });

  test('is out of use for whom the registry no longer gives it to', async () => {
    await allow(bob);
    await use(ours, fresh, { credentials: alice });
    expect(await refusal(ours, due, { credentials: alice })).toMatch(/^registry_denied: .*do not allow it/);
    expect(await use(ours, due, { credentials: bob })).toBe(built.manifest.digest);
  });

  test('is no longer known to be for everybody when its tag has moved', async () => {
    await allow(alice, bob);
    await use(ours, due, { credentials: alice });
    await use(ours, due, { credentials: bob });
    const moved = await push({ layers: [{ another: 'image' }] });
    front.seen.length = 0;
    expect(await use(ours, fresh, { credentials: alice, policy: 'always' })).toBe(moved.manifest.digest);
    front.seen.length = 0;
    await use(ours, fresh, { credentials: alice });
    expect(front.seen).toEqual([]);
    await use(ours, fresh, { credentials: bob });
    expect(answered()).toEqual(['HEAD']);
    built = await push(spec);
    expect(await use(ours, fresh, { credentials: bob, policy: 'always' })).toBe(built.manifest.digest);
  });

  test('is used by its digest, and nothing else under that policy', async () => {
    const digest = built.manifest.digest;
    await use(ours, fresh, { credentials: bob, policy: 'digest', digest });
    expect(front.seen).toEqual([]);
    expect(await refusal(ours, fresh, { credentials: bob, policy: 'digest' })).toMatch(
      /^digest_missing: .*wanted without a digest/,
    );
    const another = `sha256:${'0'.repeat(64)}`;
    expect(await refusal(ours, fresh, { credentials: bob, policy: 'digest', digest: another })).toMatch(
      /^image_not_found: .*0{64}/,
    );
    await ours.client.call('Images.Delete', { name });
    expect(await use(ours, fresh, { credentials: bob, policy: 'digest', digest })).toBe(digest);
    const { images } = await ours.client.call('Images.List', {});
    expect(images.map((image) => image.name)).toEqual([`${front.host}/private/x@${digest}`]);
  });

  test('counts as absent when its registry has it no more', async () => {
    await use(ours, fresh, { credentials: bob });
    const authorization = `Basic ${Buffer.from(`bob:${bob.password}`).toString('base64')}`;
    const url = `http://${registry.host}/v2/private/x/manifests/${built.manifest.digest}`;
    expect((await fetch(url, { method: 'DELETE', headers: { authorization } })).status).toBe(202);
    await use(ours, fresh, { credentials: bob });
    expect(await refusal(ours, due, { credentials: bob })).toMatch(/^image_not_found: /);
  });
});

test('an image of an archive is the tenant’s own, and nobody is asked; one that was built is had by building only', async () => {
  const archive = join(ours.directory, 'own.tar');
  await buildImage({ layers: [{ own: 'content' }] }, archive);
  await ours.images.import({ source: archive, name: `${front.host}/own/x:1` }, ours.call);
  await use(ours, due, { reference: `${front.host}/own/x:1` });
  // As an earlier version recorded it.
  await setImageLabels(ours.client, `${front.host}/own/x:1`, { [accessLabel]: '' });
  await use(ours, due, { reference: `${front.host}/own/x:1`, policy: 'never' });
  expect(front.seen).toEqual([]);
  const asBuilt = `${builtHost}/built/x:1`;
  await ours.images.import({ source: archive, name: asBuilt }, ours.call);
  expect(await refusal(ours, fresh, { reference: asBuilt })).toMatch(/^registry_denied: .*only by building it/);
  await collect(ours.client);
});
