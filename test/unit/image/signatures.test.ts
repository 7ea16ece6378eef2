import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { classify } from '../../../src/base/errors.ts';
import type { JobEvent } from '../../../src/base/events.ts';
import type { SignatureRule } from '../../../src/base/image-trust.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { Registry } from '../../../src/image/registry/registry.ts';
import { bundled } from '../../../src/image/signatures/bundle.ts';
import { checkSignature } from '../../../src/image/signatures/check.ts';
import { readVerifiers, type Verify } from '../../../src/image/signatures/keys.ts';
import { rememberedSignature, signaturePolicyOf } from '../../../src/image/signatures/policy.ts';
import { simpleSigning } from '../../../src/image/signatures/simple-signing.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import {
  type Answers,
  bundleLayer,
  type LayerOf,
  manifestType,
  putManifest,
  putReferrers,
  putSimple,
  simpleLayer,
} from '../../support/signed.ts';

const digest = `sha256:${'a1'.repeat(32)}`;
const another = `sha256:${'b2'.repeat(32)}`;
const tag = `${digest.replace(':', '-')}.sig`;
const answers: Answers = new Map();
const events: JobEvent[] = [];
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' });
let registry: FakeRegistry;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-signatures-'));
  registry = await startFakeRegistry(directory);
  registry.misbehave = serve;
  await writeKey('ours.pub', ours.publicKey);
  await writeKey('theirs.pub', theirs.publicKey);
});
afterEach(() => {
  answers.clear();
  events.length = 0;
  registry.seen.length = 0;
  registry.misbehave = serve;
});
afterAll(async () => {
  await registry.stop();
  await rm(directory, { recursive: true, force: true });
});

const serve: FakeRegistry['misbehave'] = (_request, response, path) => {
  const found = answers.get(path.replace('/v2/acme/x/', ''));
  response.writeHead(found ? 200 : 404, { 'content-type': found?.type ?? 'application/json' });
  response.end(found?.body ?? '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
  return true;
};

async function writeKey(name: string, key: KeyObject): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, key.export({ type: 'spki', format: 'pem' }));
  return path;
}

/** What the record would remember of the image under a rule for everything, by our key unless told otherwise. */
async function check(
  rule: Partial<SignatureRule> = {},
  repository = `${registry.host}/acme/x`,
): Promise<Readonly<Record<string, string>>> {
  const reference = parseReference(`${repository}:1`);
  const keys = [join(directory, 'ours.pub')];
  const policy = await signaturePolicyOf(reference, digest, { '*': { policy: 'require', keys, ...rule } });
  if (policy === undefined) throw new Error('nothing is asked');
  const { signal } = new AbortController();
  using asked = new Registry({ reference, credentials: undefined, hostsDirectory: join(directory, 'hosts'), signal });
  return await checkSignature(asked, { name: 'acme/x:1', policy, emit: (event) => void events.push(event) });
}

function createVerify(): Verify {
  const pem = ours.publicKey.export({ type: 'spki', format: 'pem' });
  const [verify] = readVerifiers([{ path: 'ours.pub', pem: Buffer.from(pem) }]);
  if (verify === undefined) throw new Error('there is no key');
  return verify;
}

/** The digests for which a bundle vouches by a right signature; none for one that cannot be read. */
function claimsOf(bundle: Buffer, verify: Verify): readonly string[] {
  try {
    const { data, signatures, claim } = bundled(bundle, 'x');
    return signatures.some((signature) => verify(data, signature)) ? claim().digests : [];
  } catch (error) {
    if (classify(error).class === 'user') return [];
    throw error;
  }
}

async function refusal(rule?: Partial<SignatureRule>, repository?: string): Promise<string> {
  try {
    await check(rule, repository);
  } catch (error) {
    const { class: kind, reason, message } = classify(error);
    return `${kind} ${reason}: ${message}`;
  }
  throw new Error('it counts as signed');
}

const good = (): LayerOf => simpleLayer(ours.privateKey, { digest });

describe('an image counts as signed', () => {
  test('by a payload under the tag .sig, among others that do not count', async () => {
    putSimple(answers, digest, [
      simpleLayer(theirs.privateKey, { digest }),
      simpleLayer(ours.privateKey, { digest: another }),
      good(),
    ]);
    expect(Object.keys(await check())).toEqual(['componentd.signature']);
  });

  test('by a bundle that refers to it, under the tag or by the API', async () => {
    putReferrers(answers, digest, [
      bundleLayer(theirs.privateKey, { digest }),
      bundleLayer(ours.privateKey, { digest }),
    ]);
    await check();
    answers.clear();
    putReferrers(answers, digest, [bundleLayer(ours.privateKey, { digest })], `referrers/${digest}`);
    await check();
  });

  test('by any one of several keys', async () => {
    putSimple(answers, digest, [simpleLayer(theirs.privateKey, { digest })]);
    await check({ keys: [join(directory, 'ours.pub'), join(directory, 'theirs.pub')] });
  });

  test('by keys of every kind that cosign takes', async () => {
    const pairs = [
      [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384'],
      [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha256'],
      [generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'sha512'],
      [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'],
    ] as const;
    for (const [{ privateKey, publicKey }, hash] of pairs) {
      const keys = [await writeKey('kind.pub', publicKey)];
      putSimple(answers, digest, [simpleLayer(privateKey, { digest, hash })]);
      await check({ keys });
      answers.clear();
      putReferrers(answers, digest, [bundleLayer(privateKey, { digest, hash })]);
      await check({ keys });
      answers.clear();
    }
  });

  test('by what a mirror of its registry has', async () => {
    const folder = join(directory, 'hosts', 'images.example');
    await mkdir(folder, { recursive: true });
    const toml = `server = "http://${registry.host}"\n[host."http://127.0.0.1:1"]\n[host."http://${registry.host}"]\n`;
    await writeFile(join(folder, 'hosts.toml'), toml);
    const repository = 'images.example/acme/x';
    putSimple(answers, digest, [simpleLayer(ours.privateKey, { digest, repository })]);
    await check({ sameRepository: true }, repository);
    expect(await refusal({ sameRepository: true }, `${repository}/y`)).toContain('there is no signature');
  });

  test('although one place cannot be looked at', async () => {
    putSimple(answers, digest, [good()]);
    registry.misbehave = (request, response, path) => {
      if (!path.includes('/referrers/')) return serve(request, response, path);
      response.writeHead(418).end();
      return true;
    };
    await check();
  });

  test('wherever its signature says that it lies, unless that matters', async () => {
    putSimple(answers, digest, [simpleLayer(ours.privateKey, { digest, repository: 'elsewhere.example/staging/x' })]);
    await check();
    expect(await refusal({ sameRepository: true })).toContain('one is for elsewhere.example/staging/x');
    putSimple(answers, digest, [
      simpleLayer(ours.privateKey, { digest, repository: `${registry.host}/acme/x@${digest}` }),
    ]);
    await check({ sameRepository: true });
  });
});

describe('an image does not count as signed', () => {
  test('without a signature', async () => {
    expect(await refusal()).toBe(
      `user image_unsigned: acme/x:1 (${digest}) must be signed with ${join(directory, 'ours.pub')}, and is not: there is no signature`,
    );
    expect(registry.seen.map(({ path }) => path.replace('/v2/acme/x/', ''))).toEqual([
      `manifests/${tag}`,
      `referrers/${digest}`,
      `manifests/${digest.replace(':', '-')}`,
    ]);
  });

  const refused: Record<string, [() => void, string]> = {
    'by another key': [
      () => putSimple(answers, digest, [simpleLayer(theirs.privateKey, { digest })]),
      'by none of the keys',
    ],
    'by a signature of another image': [
      () => putSimple(answers, digest, [simpleLayer(ours.privateKey, { digest: another })]),
      'of another image',
    ],
    'by a bundle for another image': [
      () => putReferrers(answers, digest, [bundleLayer(ours.privateKey, { digest: another })]),
      'of another image',
    ],
    'by an attestation of something else': [
      () =>
        putReferrers(answers, digest, [
          bundleLayer(ours.privateKey, { digest, predicateType: 'https://slsa.dev/provenance/v1' }),
        ]),
      'not that an image is signed',
    ],
    'by a payload of another kind': [
      () => putSimple(answers, digest, [simpleLayer(ours.privateKey, { digest, type: 'atomic container signature' })]),
      'no cosign container image signature',
    ],
    'by a payload that was changed': [
      () => {
        const { bytes, ...rest } = simpleLayer(ours.privateKey, { digest: another });
        putSimple(answers, digest, [{ ...rest, bytes: Buffer.from(bytes.toString().replace(another, digest)) }]);
      },
      'by none of the keys',
    ],
    'by a payload that is not the one of its digest': [
      () => putSimple(answers, digest, [{ ...good(), told: { digest: another } }]),
      'its content has another digest',
    ],
    'by a payload that is cut short': [
      () => {
        const layer = good();
        putSimple(answers, digest, [layer]);
        const [path] = [...answers.keys()].filter((key) => key.startsWith('blobs/'));
        answers.set(path ?? '', { type: 'x/y', body: layer.bytes.subarray(0, -1) });
      },
      'its content has another digest',
    ],
    'by a payload that goes on': [
      () => {
        const layer = good();
        putSimple(answers, digest, [layer]);
        const [path] = [...answers.keys()].filter((key) => key.startsWith('blobs/'));
        answers.set(path ?? '', { type: 'x/y', body: Buffer.concat([layer.bytes, Buffer.alloc(3_000_000, ' ')]) });
      },
      'it is longer than',
    ],
    'by a payload that is announced as huge': [
      () => putSimple(answers, digest, [{ ...good(), told: { size: 10_000_000 } }]),
      'larger than 65536 bytes',
    ],
    'by something of another type': [
      () => putSimple(answers, digest, [{ ...good(), mediaType: 'application/vnd.oci.image.layer.v1.tar' }]),
      'there is no signature',
    ],
    'by a bundle as a payload, and a payload as a bundle': [
      () => {
        putSimple(answers, digest, [{ ...good(), mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }]);
        putReferrers(answers, digest, [
          {
            ...bundleLayer(ours.privateKey, { digest }),
            mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
          },
        ]);
      },
      'its signature is missing or not base64',
    ],
    'without the annotation': [
      () => putSimple(answers, digest, [{ ...good(), annotations: {} }]),
      'its signature is missing or not base64',
    ],
    'by bad base64': [
      () => putSimple(answers, digest, [{ ...good(), annotations: { 'dev.cosignproject.cosign/signature': ' !!' } }]),
      'its signature is missing or not base64',
    ],
    'by a manifest that is not JSON': [
      () => answers.set(`manifests/${tag}`, { type: manifestType, body: Buffer.from('{') }),
      'it is not JSON',
    ],
    'by a manifest beyond all bounds': [
      () => answers.set(`manifests/${tag}`, { type: manifestType, body: Buffer.alloc(5_000_000, ' ') }),
      'larger than',
    ],
    'by a list that is no index': [
      () => answers.set(`referrers/${digest}`, { type: 'text/html', body: Buffer.from('<html>') }),
      'is not the media type',
    ],
    'by a referrer that is not the one of its digest': [
      () => {
        putReferrers(answers, digest, [bundleLayer(ours.privateKey, { digest })]);
        const path = [...answers.keys()].find((key) => key.startsWith('manifests/sha256:'));
        putManifest(answers, [bundleLayer(ours.privateKey, { digest }), good()], path?.replace('manifests/', ''));
      },
      'sent something else',
    ],
  };
  test.each(Object.entries(refused))('%s', async (_name, [put, why]) => {
    put();
    const message = await refusal();
    expect(message).toMatch(/^user image_unsigned: /);
    expect(message).toContain(why);
  });

  test.each([putSimple, putReferrers])('by the last of very many', async (put) => {
    const others = Array.from({ length: 100 }, (_, index) =>
      simpleLayer(theirs.privateKey, { digest, repository: `a.example/${index}` }),
    );
    put(answers, digest, [...others, good()]);
    expect(await refusal()).toMatch(/^user image_unsigned: .*by none of the keys/);
    expect(registry.seen).toHaveLength(64);
  });

  test('by anything that is not signed to the last bit', async () => {
    const reference = 'x';
    const { bytes, annotations = {} } = good();
    const signed = simpleSigning(bytes, annotations, reference);
    const verify = createVerify();
    expect(signed.signatures.map((signature) => verify(signed.data, signature))).toEqual([true]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(signed.signatures.some((signature) => verify(changed, signature))).toBe(false);
      }),
    );
    const { bytes: bundle } = bundleLayer(ours.privateKey, { digest });
    fc.assert(
      fc.property(fc.nat(bundle.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bundle);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(claimsOf(changed, verify).every((claimed) => claimed === digest)).toBe(true);
      }),
    );
  });

  test('while the registry cannot say whether it is', async () => {
    registry.misbehave = (_request, response) => {
      response.writeHead(418).end();
      return true;
    };
    expect(await refusal()).toMatch(/^infrastructure .*whether acme\/x:1 .* is signed cannot be found out: /);
    // Nobody waits for it again and again where a warning is enough.
    expect(Object.values(await check({ policy: 'warn' }))).toEqual([expect.stringContaining(' unsigned@')]);
    expect(events).toMatchObject([{ type: 'message', level: 'warning' }]);
  });

  test('while the registry refuses to say it', async () => {
    registry.misbehave = (_request, response) => {
      response.writeHead(403).end();
      return true;
    };
    expect(await refusal()).toMatch(/^user registry_denied: whether acme\/x:1 .* cannot be found out: /);
  });

  test('by what lies behind a redirect to where nobody may go', async () => {
    registry.misbehave = (_request, response) => {
      response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end();
      return true;
    };
    expect(await refusal()).toMatch(/^infrastructure .*cannot be found out/);
  });

  test('and a warning says so once, when that is enough', async () => {
    putSimple(answers, digest, [simpleLayer(theirs.privateKey, { digest })]);
    const labels = await check({ policy: 'warn' });
    expect(labels['componentd.signature']).toMatch(/^[a-f0-9]{64} unsigned@\d+$/);
    expect(events).toEqual([
      {
        type: 'message',
        level: 'warning',
        message: `acme/x:1 is not signed as it should be (one is by none of the keys); ${digest} is used all the same`,
      },
    ]);
  });
});

describe('a key', () => {
  test.each([
    ['is missing', undefined, 'cannot be read'],
    ['is private', ours.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'no public key in PEM'],
    [
      'is of another kind',
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
      'its kind is ed25519',
    ],
    [
      'is weak',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }),
      '1024 bits',
    ],
    ['is no key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'is no key'],
  ])('that %s is told to the operator', async (_name, pem, why) => {
    const path = join(directory, 'bad.pub');
    await rm(path, { force: true });
    if (pem !== undefined) await writeFile(path, pem);
    putSimple(answers, digest, [good()]);
    const message = await refusal({ keys: [join(directory, 'ours.pub'), path] });
    expect(message).toMatch(/^infrastructure signature_key: /);
    expect(message).toContain(why);
  });
});

describe('what a record remembers', () => {
  test('counts for the same digest under the same rule only', async () => {
    putSimple(answers, digest, [good()]);
    const record = { labels: await check() };
    const reference = parseReference(`${registry.host}/acme/x:1`);
    const keys = [join(directory, 'ours.pub')];
    const remembered = async (rule: Partial<SignatureRule>, about = digest): Promise<string | undefined> => {
      const policy = await signaturePolicyOf(reference, about, { '*': { policy: 'require', keys, ...rule } });
      return policy && rememberedSignature(record as never, policy);
    };
    expect(await remembered({})).toBe('signed');
    expect(await remembered({ policy: 'warn' })).toBe('signed');
    expect(await remembered({}, another)).toBeUndefined();
    expect(await remembered({ sameRepository: true })).toBeUndefined();
    expect(await remembered({ keys: [...keys, join(directory, 'theirs.pub')] })).toBeUndefined();
  });

  test('that there is no signature is believed for an hour', async () => {
    const [[label = '', value = ''] = []] = Object.entries(await check({ policy: 'warn' }));
    const policy = await signaturePolicyOf(parseReference(`${registry.host}/acme/x:1`), digest, {
      '*': { policy: 'warn', keys: [join(directory, 'ours.pub')] },
    });
    if (policy === undefined) throw new Error('nothing is asked');
    const secondsAgo = (seconds: number): string => `${value.split('@')[0]}@${Math.floor(Date.now() / 1000) - seconds}`;
    const at = (text: string): string | undefined =>
      rememberedSignature({ labels: { [label]: text } } as never, policy);
    expect(at(value)).toBe('unsigned');
    expect(at(secondsAgo(3500))).toBe('unsigned');
    expect(at(secondsAgo(3700))).toBeUndefined();
    expect(at(secondsAgo(-100))).toBeUndefined();
  });
});

describe('the rule that counts', () => {
  const rules = {
    '*': { policy: 'warn', digests: [another] },
    'quay.io': { policy: 'require', digests: [another] },
    'quay.io/acme': { policy: 'off' },
    'quay.io/acme/secret': { policy: 'require', digests: [another] },
    'docker.io/library': { policy: 'require', digests: [another] },
    '127.0.0.1:5000': { policy: 'off' },
  } as const;
  test.each([
    ['quay.io/other/x', 'require'],
    ['quay.io/acme/x', 'nothing'],
    ['quay.io/acme', 'nothing'],
    ['quay.io/acmecorp/x', 'require'],
    ['quay.io/acme/secret/deep', 'require'],
    ['QUAY.io/acme/secret', 'require'],
    ['quay.io:443/other/x', 'require'],
    ['registry-1.docker.io/library/x', 'require'],
    ['busybox', 'require'],
    ['acme/x', 'warn'],
    ['127.0.0.1:5000/x', 'nothing'],
    ['127.0.0.1:5001/x', 'warn'],
    [`quay.io/other/x@${another}`, 'nothing'],
  ])('for %s', async (text, wanted) => {
    const reference = parseReference(text);
    expect((await signaturePolicyOf(reference, reference.digest ?? digest, rules))?.mode ?? 'nothing').toBe(wanted);
  });
});
