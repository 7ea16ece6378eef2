import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { buildImage } from '../../../scripts/lib/oci-image.ts';
import { pushImage } from '../../../scripts/lib/push-image.ts';
import { classify } from '../../../src/base/errors.ts';
import { defaultLimits } from '../../../src/base/image-limits.ts';
import type { SignatureRule } from '../../../src/base/image-trust.ts';
import { accessRulesOf } from '../../../src/image/access.ts';
import { borrowImage } from '../../../src/image/borrow.ts';
import { createImages } from '../../../src/image/images.ts';
import { Turns } from '../../../src/image/turns.ts';
import type { Workplace } from '../../../src/image/workplace.ts';
import { cosign, isCosignMissing } from '../../support/cosign.ts';
import { type Front, openFront } from '../../support/front.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';

/** `http://`, and no log anywhere. */
const upload = ['--allow-http-registry', '--yes'];
const newWay = ['--signing-config', 'none.json'];
const oldWay = ['--use-signing-config=false', '--new-bundle-format=false', '--tlog-upload=false'];
let directory: string;
let front: Front;
let place: ImagePlace;
let images = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-cosign-'));
  front = await openFront(inject('registryHost'));
  if (isCosignMissing) return;
  await cosign(directory, 'generate-key-pair');
  await cosign(directory, 'signing-config', 'create', '--out', 'none.json');
});
beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  front.seen.length = 0;
});
afterEach(() => place.leave());
afterAll(async () => {
  await front.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A new image in the registry, and its digest. */
async function push(): Promise<{ readonly name: string; readonly digest: string; readonly archive: string }> {
  images += 1;
  const archive = join(place.directory, `${images}.tar`);
  await buildImage({ layers: [{ [`file${images}`]: `${process.pid}` }] }, archive);
  const name = `signed/x${images}`;
  const digest = await pushImage(archive, `http://${inject('registryHost')}`, `${name}:1`);
  return { name: `${front.host}/${name}`, digest, archive };
}

async function sign({ name, digest }: { name: string; digest: string }, ...how: readonly string[]): Promise<void> {
  await cosign(directory, 'sign', '--key', 'cosign.key', ...how, ...upload, `${name}@${digest}`);
  front.seen.length = 0;
}

function imagesUnder(rule: Partial<SignatureRule> = {}) {
  const keys = [join(directory, 'cosign.pub')];
  return createImages(place.client, { signatures: { [front.host]: { policy: 'require', keys, ...rule } } });
}

async function use(name: string, rule?: Partial<SignatureRule>): Promise<string> {
  return (await imagesUnder(rule).ensure({ reference: `${name}:1`, policy: 'missing' }, place.call)).digest;
}

async function refusal(name: string, rule?: Partial<SignatureRule>): Promise<string> {
  try {
    await use(name, rule);
  } catch (error) {
    const { reason, message } = classify(error);
    return `${reason}: ${message}`;
  }
  throw new Error('it counts as signed');
}

describe.skipIf(isCosignMissing)(`cosign${isCosignMissing ? ' (missing: scripts/cosign says why)' : ''}`, () => {
  test.each([
    ['3', newWay],
    ['before 3', oldWay],
  ])('signs as version %s does, and once it is verified nobody is asked', async (_version, how) => {
    const image = await push();
    await sign(image, ...how);
    expect(await use(image.name)).toBe(image.digest);
    const layers = front.seen.findIndex((line) => line.includes('/blobs/') && line.startsWith('GET'));
    expect(front.seen.slice(0, layers).join(' ')).toContain(`sha256-${image.digest.slice(7)}`);
    front.seen.length = 0;
    expect(await use(image.name)).toBe(image.digest);
    expect(front.seen).toEqual([]);
  });

  test('with a key of another kind', async () => {
    const image = await push();
    await cosign(directory, 'generate-key-pair', '--output-key-prefix', 'other');
    await cosign(directory, 'sign', '--key', 'other.key', ...oldWay, ...upload, `${image.name}@${image.digest}`);
    expect(await refusal(image.name)).toMatch(/^image_unsigned: .*one is by none of the keys/);
    const keys = [join(directory, 'other.pub'), join(directory, 'cosign.pub')];
    expect(await use(image.name, { keys })).toBe(image.digest);
    // Without that key it is no longer signed, present or not.
    expect(await refusal(image.name)).toMatch(/^image_unsigned: /);
    expect(await use(image.name, { keys })).toBe(image.digest);
  });

  test('an attestation with the same key is no signature', async () => {
    const image = await push();
    await writeFile(join(directory, 'predicate.json'), '{}');
    const what = ['--predicate', 'predicate.json', '--type', 'custom', '--key', 'cosign.key'];
    await cosign(directory, 'attest', ...what, ...newWay, ...upload, `${image.name}@${image.digest}`);
    expect(await refusal(image.name)).toMatch(/^image_unsigned: .*its statement is not that an image is signed/);
  });
});

describe('an image without a signature', () => {
  test('is not fetched, and one that is here is not used', async () => {
    const { name, digest, archive } = await push();
    expect(await refusal(name)).toMatch(
      /^image_unsigned: .*must be signed with .*cosign\.pub, and is not: there is no signature/,
    );
    expect(front.seen.filter((line) => line.includes('/blobs/'))).toEqual([]);
    await collect(place.client);
    expect(await place.content()).toEqual([]);
    expect(await use(name, { policy: 'off' })).toBe(digest);
    expect(await refusal(name)).toMatch(/^image_unsigned: /);
    const never = imagesUnder().ensure({ reference: `${name}:1`, policy: 'never' }, place.call);
    await expect(never).rejects.toMatchObject({ reason: 'image_unsigned' });
    await place.images.import({ source: archive, name: `${name}:2` }, place.call);
    await expect(imagesUnder().ensure({ reference: `${name}:2`, policy: 'missing' }, place.call)).rejects.toMatchObject(
      {
        reason: 'image_unsigned',
      },
    );
    const at: Workplace = {
      ...place.call,
      snapshotter: 'overlayfs',
      limits: defaultLimits,
      turns: new Turns(),
      access: accessRulesOf(),
      signatures: { '*': { policy: 'require' } },
    };
    await expect(borrowImage(place.client, { reference: `${name}:1` }, at, async () => {})).rejects.toMatchObject({
      reason: 'image_unsigned',
    });
    front.isShut = true;
    expect(await refusal(name)).toMatch(/^undefined: whether .* is signed cannot be found out: /);
    front.isShut = false;
  });

  test('is used when its digest is trusted, or with one warning', async () => {
    const { name, digest } = await push();
    const digests = [digest];
    expect(await use(name, { digests })).toBe(digest);
    expect(front.seen.filter((line) => line.includes('sha256-'))).toEqual([]);
    const warnings = (): number => place.events.filter(({ type }) => type === 'message').length;
    expect(await use(name, { policy: 'warn' })).toBe(digest);
    expect(warnings()).toBe(1);
    front.seen.length = 0;
    expect(await use(name, { policy: 'warn' })).toBe(digest);
    expect(warnings()).toBe(2);
    expect(front.seen).toEqual([]);
  });
});
