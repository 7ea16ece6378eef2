import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EcrSettings } from '../../../../src/base/credential-settings.ts';
import { InfrastructureError, UserError } from '../../../../src/base/errors.ts';
import { ecrEndpoint, parseEcrRegistry } from '../../../../src/image/credentials/ecr-registry.ts';
import { openCredentials } from '../../../../src/image/credentials/sources.ts';
import type { CredentialQuery, CredentialSource } from '../../../../src/image/types.ts';
import { type Ecr, startEcr } from '../../../support/ecr.ts';

const region = 'eu-central-1';
const registry = `123456789012.dkr.ecr.${region}.amazonaws.com`;
const id = 'AKIAIOSFODNN7EXAMPLE';
const secret = 'wJalrXUtnFEMI/K7MDENG+canary';
const session = 'FwoGZXIvYXdz/session/canary==';
const query: CredentialQuery = { host: registry, repository: 'acme/ex', signal: new AbortController().signal };
const given = { key: { accessKeyId: id, secretAccessKey: secret } };
let ecr: Ecr;
let folder: string;

beforeEach(async () => {
  ecr = await startEcr(region);
  ecr.keys.set(id, { secret });
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-ecr-'));
});
afterEach(async () => {
  await ecr.stop();
  await rm(folder, { recursive: true });
});

const secretFile = async (name: string, content: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
};

function open(entry: EcrSettings = {}, environment: Readonly<Record<string, string>> = {}): CredentialSource {
  const settings = { [registry]: { ecr: { endpoint: `http://${ecr.host}`, ...entry } } };
  return openCredentials({ settings, environment, searchPath: '' });
}

const passwordOf = async (
  source: CredentialSource,
  more: Partial<CredentialQuery> = {},
): Promise<string | undefined> => {
  const found = await source.find({ ...query, ...more });
  if (found?.kind !== 'password') return undefined;
  expect(found.username).toBe('AWS');
  return found.password;
};

describe('a password of ECR', () => {
  test('is given for a signed request, once however many want it, and kept by its tenant only', async () => {
    const tenant = open();
    const many = await Promise.all(Array.from({ length: 10 }, () => passwordOf(tenant, { given })));
    expect(new Set(many)).toEqual(new Set(ecr.passwords));
    expect(await passwordOf(tenant, { given })).toBe(ecr.passwords[0]);
    expect(ecr.passwords).toHaveLength(1);
    expect(await passwordOf(open(), { given })).toBe(ecr.passwords[1]);
  });

  test('belongs to the key that it was given for', async () => {
    ecr.keys.set('AKIAOTHER', { secret: 'other' });
    const tenant = open();
    const mine = await passwordOf(tenant, { given });
    const other = await passwordOf(tenant, { given: { key: { accessKeyId: 'AKIAOTHER', secretAccessKey: 'other' } } });
    expect(new Set([mine, other]).size).toBe(2);
    const wrong = tenant.find({ ...query, given: { key: { accessKeyId: id, secretAccessKey: 'guessed' } } });
    await expect(wrong).rejects.toMatchObject({ reason: 'aws_wrong_secret' });
    expect(await passwordOf(tenant, { given })).toBe(mine);
  });

  test('is renewed before it ends', async () => {
    const tenant = open();
    ecr.lifeMs = 3000;
    expect(await passwordOf(tenant, { given })).toBe(ecr.passwords[0]);
    expect(await passwordOf(tenant, { given })).toBe(ecr.passwords[0]);
    // Half of so short a life.
    await new Promise((resolve) => setTimeout(resolve, 1600));
    expect(await passwordOf(tenant, { given })).toBe(ecr.passwords[1]);
  });

  test('is asked for again after a failure', async () => {
    const tenant = open();
    ecr.keys.set(id, { secret, mood: 'denied' });
    await expect(tenant.find({ ...query, given })).rejects.toThrow(UserError);
    ecr.keys.set(id, { secret });
    expect(await passwordOf(tenant, { given })).toBe(ecr.passwords[0]);
  });

  test('is asked for again when ECR is busy or breaks off', async () => {
    const troubles = [503, 0, 400];
    ecr.misbehave = (response) => {
      const status = troubles.shift();
      if (status === 0) response.destroy();
      else if (status !== undefined) response.writeHead(status).end('{"__type":"ThrottlingException"}');
      return status !== undefined;
    };
    expect(await passwordOf(open(), { given })).toBe(ecr.passwords[0]);
  });

  test('that is none is an infrastructure error', async () => {
    for (const answer of [
      '',
      '[]',
      '{"authorizationData":[]}',
      '{"authorizationData":[{"authorizationToken":"eA=="}]}',
    ]) {
      ecr.misbehave = (response) => Boolean(response.end(answer));
      await expect(open().find({ ...query, given })).rejects.toThrow('gave no usable password');
    }
  });

  test('that is not wanted any more does not keep the caller', async () => {
    ecr.misbehave = () => true;
    const stop = AbortSignal.timeout(100);
    await expect(open().find({ ...query, given, signal: stop })).rejects.toThrow(stop.reason);
  });
});

describe('a refusal of AWS', () => {
  test.each([
    ['aws_unknown_key', { id: 'AKIAUNKNOWN' }, 'does not know the access key AKIA…NOWN'],
    ['aws_wrong_secret', { secret: 'guessed/canary' }, 'the secret does not belong to'],
    ['aws_expired_key', { mood: 'expired' as const }, 'has expired'],
    ['aws_denied', { mood: 'denied' as const }, 'lacks the right'],
    ['aws_wrong_region', { region: 'eu-west-1' }, 'eu-west-1 is not the region'],
  ])('%s is told apart, with a way out and without a secret', async (reason, wrong, words) => {
    ecr.keys.set(id, { secret, session, ...('mood' in wrong && { mood: wrong.mood }) });
    const accessKeyId = 'id' in wrong ? wrong.id : id;
    const file = await secretFile('secret', 'secret' in wrong ? wrong.secret : secret);
    const settings = { accessKeyId, secretFile: file, sessionTokenFile: await secretFile('session', `${session}\n`) };
    // A registry with a name of its own is in whatever region it is said to be.
    const host = 'registry.example';
    const entry = { ...settings, region: 'region' in wrong ? wrong.region : region, endpoint: `http://${ecr.host}` };
    const source = openCredentials({ settings: { [host]: { ecr: entry } }, environment: {}, searchPath: '' });
    const refused = await source.find({ ...query, host }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InfrastructureError);
    expect(refused).toMatchObject({
      reason,
      hint: expect.stringMatching(/\.$/),
      message: expect.stringContaining(words),
    });
    expect(inspect(refused, { depth: 10 })).not.toMatch(/canary/);
  });

  test('of what a definition brings along is for the author to mend', async () => {
    ecr.keys.clear();
    await expect(open().find({ ...query, given })).rejects.toThrow(UserError);
  });

  test('of an unreachable endpoint names it', async () => {
    await ecr.stop();
    await expect(open().find({ ...query, given })).rejects.toMatchObject({
      class: 'infrastructure',
      message: expect.stringContaining(ecr.host),
    });
    ecr = await startEcr(region);
  });
});

describe('the access key', () => {
  test('comes from the file that the configuration names, and counts more than the environment', async () => {
    ecr.keys.set(id, { secret, session });
    const files = {
      secretFile: await secretFile('secret', `${secret}\n`),
      sessionTokenFile: await secretFile('session', session),
    };
    const environment = { AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN', AWS_SECRET_ACCESS_KEY: 'x' };
    expect(await passwordOf(open({ accessKeyId: id, ...files }, environment))).toBe(ecr.passwords[0]);
    await chmod(files.secretFile, 0o640);
    await expect(passwordOf(open({ accessKeyId: id, ...files }))).rejects.toMatchObject({
      message: expect.stringContaining(files.secretFile),
      hint: expect.stringContaining('chmod 600'),
    });
  });

  test('comes from the environment, or from a profile of a shared file', async () => {
    ecr.keys.set(id, { secret, session });
    const direct = { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: session };
    expect(await passwordOf(open({}, direct))).toBe(ecr.passwords[0]);
    const lines = [
      '[default]',
      'aws_access_key_id = AKIAUNKNOWN',
      'aws_secret_access_key=x',
      '',
      '[ build ]',
      '# ours',
      `aws_access_key_id=${id}`,
      `aws_secret_access_key = ${secret}`,
      `aws_session_token = ${session}`,
      '[other]',
      'aws_access_key_id = AKIAOTHER',
    ];
    const shared = { AWS_SHARED_CREDENTIALS_FILE: await secretFile('credentials', lines.join('\n')) };
    expect(await passwordOf(open({}, { ...shared, AWS_PROFILE: 'build' }))).toBe(ecr.passwords[1]);
    await expect(passwordOf(open({}, shared))).rejects.toMatchObject({ reason: 'aws_unknown_key' });
    await expect(passwordOf(open({}, { ...shared, AWS_PROFILE: 'other' }))).rejects.toThrow('names no AWS access key');
    await expect(passwordOf(open())).rejects.toMatchObject({ hint: expect.stringContaining('AWS_ACCESS_KEY_ID') });
  });

  test('of a definition is refused for another region than that of the registry, before anybody is asked', async () => {
    const wrong = open().find({ ...query, given: { ...given, region: 'us-east-1' } });
    await expect(wrong).rejects.toMatchObject({ class: 'user', reason: 'aws_wrong_region' });
    for (const more of [{}, { region: 'evil.example/#' }, { region: '' }, { region: 'eu-central-1.evil.example' }]) {
      const unknown = open().find({ ...query, host: 'registry.example', given: { ...given, ...more } });
      await expect(unknown).rejects.toMatchObject({ class: 'user', reason: 'aws_wrong_region' });
    }
    expect(ecr.refusals).toEqual([]);
  });

  test('that was copied with more than itself is refused before anybody is asked', async () => {
    for (const accessKeyId of ['', `${id}\n`, `${id} `, 'a\r\nx: y']) {
      const copied = open().find({ ...query, given: { key: { accessKeyId, secretAccessKey: secret } } });
      await expect(copied).rejects.toMatchObject({ class: 'user', reason: 'aws_unknown_key' });
    }
    expect(ecr.refusals).toEqual([]);
  });

  test('of the environment is for registries of AWS only', async () => {
    const source = openCredentials({
      searchPath: '',
      environment: { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
    });
    for (const host of ['quay.io', `${registry}.example.com`, `x.${registry}`, 'public.ecr.aws'])
      expect(await source.find({ ...query, host })).toBeUndefined();
  });
});

test.each([
  [registry, region, `https://api.ecr.${region}.amazonaws.com/`],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1', 'https://api.ecr.cn-north-1.amazonaws.com.cn/'],
  [
    '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
    'us-gov-west-1',
    'https://ecr-fips.us-gov-west-1.amazonaws.com/',
  ],
])('%s is in %s, and its passwords come from %s', (host, where, endpoint) => {
  expect(parseEcrRegistry(host)).toEqual({ region: where, endpoint: new URL(endpoint) });
  if (!host.includes('fips')) expect(ecrEndpoint(where)).toEqual(new URL(endpoint));
});
