import { chmod, chown, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type CredentialSettings,
  credentialEnvironment,
  problemsOfCredentials,
} from '../../../../src/base/credential-settings.ts';
import { credentialsFor } from '../../../../src/image/credentials/request.ts';
import { narrowest } from '../../../../src/image/credentials/server.ts';
import { openCredentials } from '../../../../src/image/credentials/sources.ts';
import { apiHost } from '../../../../src/image/reference.ts';
import type { CredentialSource, RegistryCredentials, RegistrySecret } from '../../../../src/image/types.ts';

const signal = new AbortController().signal;
let folder: string;
let passwordFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-operator-'));
  passwordFile = join(folder, 'password');
  await writeFile(passwordFile, 'canary \n', { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

function tenant(settings: CredentialSettings, dockerConfig?: string): CredentialSource {
  return openCredentials({
    settings,
    searchPath: '',
    environment: {},
    ...(dockerConfig !== undefined && { dockerConfig }),
  });
}

const find = (source: CredentialSource | undefined, host: string, repository = 'acme/ex') =>
  source?.find({ host, repository, signal }) ?? Promise.resolve(undefined);
const userOf = (secret: RegistrySecret | undefined) => (secret?.kind === 'password' ? secret.username : secret?.kind);

describe("the operator's credentials", () => {
  const entry = (username: string) => ({ username, passwordFile });

  test('are for their registry or a path of it, the longest first, before what Docker has', async () => {
    const auths = {
      'quay.io/acme/ex': { username: 'docker', password: 'x' },
      'ghcr.io': { username: 'docker', password: 'x' },
    };
    const dockerConfig = join(folder, 'config.json');
    await writeFile(dockerConfig, JSON.stringify({ auths }), { mode: 0o600 });
    const source = tenant(
      { 'quay.io': entry('all'), 'quay.io/acme': entry('team'), 'docker.io': entry('hub') },
      dockerConfig,
    );
    expect(userOf(await find(source, 'quay.io'))).toBe('team');
    expect(userOf(await find(source, 'quay.io', 'other/ex'))).toBe('all');
    expect(userOf(await find(source, 'registry-1.docker.io', 'library/x'))).toBe('hub');
    expect(userOf(await find(source, 'ghcr.io'))).toBe('docker');
    expect(await find(source, 'quay.io:5000')).toBeUndefined();
  });

  test('are read when they are wanted, without the end of the line', async () => {
    const source = tenant({ 'quay.io': { ...entry('all'), tokenServer: 'login.example' } });
    expect(await find(source, 'quay.io')).toMatchObject({ password: 'canary ', tokenServer: 'login.example' });
    await writeFile(passwordFile, 'next');
    expect(await find(source, 'quay.io')).toMatchObject({ password: 'next' });
    const token = tenant({ 'quay.io': entry('<token>') });
    expect(await find(token, 'quay.io')).toMatchObject({ kind: 'identity-token', token: 'next' });
  });

  test('are those of one tenant', async () => {
    await writeFile(join(folder, 'b'), 'other', { mode: 0o400 });
    const [a, b] = [
      tenant({ 'quay.io': entry('a') }),
      tenant({ 'quay.io': { username: 'b', passwordFile: join(folder, 'b') } }),
    ];
    const [mine, theirs, nobodys] = await Promise.all([a, b, tenant({})].map((source) => find(source, 'quay.io')));
    expect([mine, theirs]).toMatchObject([{ password: 'canary ' }, { password: 'other' }]);
    expect(nobodys).toBeUndefined();
  });

  test.each([0o640, 0o604, 0o620, 0o660, 0o666])('are refused in a file with mode %o', async (mode) => {
    await chmod(passwordFile, mode);
    await expect(find(tenant({ 'quay.io': entry('all') }), 'quay.io')).rejects.toMatchObject({
      class: 'infrastructure',
      message: expect.stringContaining(passwordFile),
      hint: expect.stringContaining(`chmod 600 ${passwordFile}`),
    });
  });

  test('are refused in what is missing, empty, long, of several lines, no file, or somebody else’s', async () => {
    const problemOf = async (path = passwordFile) => {
      const failure = await find(tenant({ 'quay.io': { username: 'u', passwordFile: path } }), 'quay.io').catch(
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ class: 'infrastructure', hint: expect.stringMatching(/\.$/) });
      expect(inspect(failure, { depth: 10 })).not.toContain('canary');
      return (failure as Error).message;
    };
    expect(await problemOf(join(folder, 'none'))).toContain('is not there');
    expect(await problemOf(folder)).toContain('is not a regular file');
    await symlink('/dev/zero', join(folder, 'zero'));
    expect(await problemOf(join(folder, 'zero'))).toContain('is not a regular file');
    for (const [content, words] of [
      ['\n', 'is empty'],
      ['canary\ncanary', 'more than one line'],
      ['canary'.repeat(20_000), 'larger than'],
    ] as const) {
      await writeFile(passwordFile, content);
      expect(await problemOf()).toContain(words);
    }
    if (process.geteuid?.() !== 0) return;
    await chown(passwordFile, 12345, 12345);
    expect(await problemOf()).toContain('belongs to uid 12345');
  });
});

describe('what a request brings along', () => {
  const reader = { username: 'request', password: 'p' };
  const others: CredentialSource = { find: async ({ host }) => ({ kind: 'registry-token', token: host }) };
  const hosts = ['registry-1.docker.io', 'quay.io', '127.0.0.1:5000', 'mirror.example', 'evil.example'];

  test.each([
    ['docker.io', {}, 'registry-1.docker.io'],
    ['quay.io', {}, 'quay.io'],
    ['quay.io', { server: '' }, 'quay.io'],
    ['127.0.0.1:5000', {}, '127.0.0.1:5000'],
    ['docker.io', { server: 'https://index.docker.io/v1/' }, 'registry-1.docker.io'],
    ['docker.io', { server: 'docker.io' }, 'registry-1.docker.io'],
    ['docker.io', { server: 'mirror.example' }, 'mirror.example'],
    ['evil.example', { server: 'quay.io' }, 'quay.io'],
    ['evil.example', { server: 'https://quay.io/' }, 'quay.io'],
  ])('for an image of %s with %j goes to %s only', async (domain, more, receiver) => {
    const source = credentialsFor({ domain }, { ...reader, ...more }, others);
    for (const host of hosts) {
      const secret = await find(source, host);
      expect(userOf(secret)).toBe(host === receiver ? 'request' : 'registry-token');
    }
  });

  test('for another server than that of the image says so, for messages', () => {
    const otherOf = (domain: string, server: string) =>
      credentialsFor({ domain }, { ...reader, server }, others)?.otherHost;
    expect(otherOf('quay.io', 'docker.io')).toBe('registry-1.docker.io');
    expect(otherOf('docker.io', 'https://index.docker.io/v1/')).toBeUndefined();
    expect(otherOf('quay.io', '')).toBeUndefined();
  });

  test('is never for a host that was not named (property)', async () => {
    const name = fc.constantFrom(
      'quay.io',
      'a.quay.io',
      'quay.io.evil',
      'docker.io',
      'index.docker.io',
      '[::1]',
      'x',
      'X',
    );
    const port = fc.constantFrom('', ':443', ':80', ':5000');
    const host = fc.tuple(name, port).map((parts) => parts.join(''));
    const server = fc.tuple(fc.constantFrom('', 'https://', 'http://'), host, fc.constantFrom('', '/', '/v1/', '/v2/'));
    const plain = (text: string) => {
      const bare = text.toLowerCase().replace(/:443$/, '').replace('[::1]:80', '[::1]');
      return apiHost(bare === 'index.docker.io' ? 'docker.io' : bare);
    };
    await fc.assert(
      fc.asyncProperty(server, host, async (parts, asked) => {
        const given: RegistryCredentials = { ...reader, server: parts.join('') };
        const secret = await find(credentialsFor({ domain: 'unrelated.example' }, given, undefined), plain(asked));
        expect(secret !== undefined).toBe(plain(parts[1]) === plain(asked));
      }),
      { numRuns: 500 },
    );
  });

  test('leaves the choice to the tenant when it is nothing', () => {
    expect(credentialsFor({ domain: 'quay.io' }, undefined, others)).toBe(others);
    expect(credentialsFor({ domain: 'quay.io' }, undefined, undefined)).toBeUndefined();
  });
});

test('a path covers whole names only (property)', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(path, path, (prefix, repository) => {
      const found = narrowest([[`quay.io/${prefix.join('/')}`, 1]], {
        host: 'quay.io',
        repository: repository.join('/'),
      });
      expect(found !== undefined).toBe(prefix.every((part, index) => part === repository[index]));
    }),
  );
});

test('the environment of helpers has what clouds and keyrings need, and nothing of ours', () => {
  const kept = {
    PATH: '/bin',
    HOME: '/root',
    AWS_PROFILE: 'x',
    HTTPS_PROXY: 'http://p',
    https_proxy: '',
    GNUPGHOME: '/g',
  };
  const dropped = {
    COMPONENTD_TOKEN: 't',
    KBC_TOKEN: 't',
    LD_PRELOAD: 'x',
    NODE_OPTIONS: 'x',
    MY_AWS_KEY: 'x',
    PATHX: 'x',
    aws_x: '1',
  };
  expect(credentialEnvironment({ ...kept, ...dropped, USER: undefined })).toEqual(kept);
});

describe('the setting images.credentials', () => {
  const problems = (value: unknown) => problemsOfCredentials(value, 'images.credentials');
  const user = { username: 'u', passwordFile: '/etc/p' };

  test('takes registries with users, and registries of AWS', () => {
    const settings = {
      'quay.io': user,
      'quay.io/acme/team-a': { ...user, tokenServer: 'login.example:8443' },
      'docker.io/acme': user,
      '127.0.0.1:5000': user,
      '[::1]:5000': user,
      '123456789012.dkr.ecr.eu-central-1.amazonaws.com': { ecr: {} },
      'registry.example': {
        ecr: {
          accessKeyId: 'AKIA',
          secretFile: '/s',
          sessionTokenFile: '/t',
          region: 'us-gov-west-1',
          endpoint: 'http://127.0.0.1:1',
        },
      },
    };
    expect(problems(settings)).toEqual([]);
  });

  test.each([
    [[], ''],
    [{ 'https://quay.io': user }, '.https://quay.io'],
    [{ 'Quay.io': user }, '.Quay.io'],
    [{ 'quay.io/': user }, '.quay.io/'],
    [{ 'quay.io': 'x' }, '.quay.io'],
    [{ 'quay.io': { username: 'u' } }, '.quay.io'],
    [{ 'quay.io': { ...user, username: 'a:b' } }, '.quay.io.username'],
    [{ 'quay.io': { ...user, passwordFile: 'p' } }, '.quay.io.passwordFile'],
    [{ 'quay.io': { ...user, tokenServer: 'https://x' } }, '.quay.io.tokenServer'],
    [{ 'quay.io': { ...user, password: 'canary' } }, '.quay.io.password'],
    [{ 'quay.io': { ...user, ecr: {} } }, '.quay.io.username', '.quay.io.passwordFile'],
    [{ x: { ecr: [] } }, '.x.ecr'],
    [{ x: { ecr: { accessKeyId: 'AKIA' } } }, '.x.ecr'],
    [{ x: { ecr: { sessionTokenFile: '/t' } } }, '.x.ecr.sessionTokenFile'],
    [{ x: { ecr: { secret: 'canary' } } }, '.x.ecr.secret'],
    [{ x: { ecr: { region: 'Frankfurt' } } }, '.x.ecr.region'],
    [{ x: { ecr: { endpoint: 'http://api.example' } } }, '.x.ecr.endpoint'],
    [{ x: { ecr: { endpoint: 'https://user:canary@api.example' } } }, '.x.ecr.endpoint'],
  ])('%j is wrong at %s', (value, ...paths) => {
    const found = problems(value);
    expect(found.map(({ path }) => path)).toEqual(paths.map((path) => `images.credentials${path}`));
    expect(JSON.stringify(found)).not.toContain('canary');
  });
});
