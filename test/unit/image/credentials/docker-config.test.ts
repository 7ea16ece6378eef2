import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCredentials } from '../../../../src/image/credentials/sources.ts';
import type { RegistrySecret } from '../../../../src/image/types.ts';

const hub = 'registry-1.docker.io';
const canary = 'pa:ss wörd-canary';
const auth = Buffer.from(`user:${canary}`).toString('base64');
const password = { kind: 'password', username: 'user', password: canary };
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-docker-'));
  path = join(folder, 'config.json');
});
afterEach(() => rm(folder, { recursive: true }));

interface Asked {
  readonly host?: string;
  readonly repository?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What a file says, without where it was found. */
async function find(content: object | string | undefined, asked: Asked = {}): Promise<object | undefined> {
  if (content !== undefined)
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  const { host = 'quay.io', repository = 'acme/ex', environment = {}, signal = new AbortController().signal } = asked;
  const source = openCredentials({ dockerConfig: path, searchPath: `relative::${folder}`, environment });
  const found = await source.find({ host, repository, signal });
  if (found === undefined) return undefined;
  const { origin, ...secret }: RegistrySecret = found;
  expect(origin).not.toContain('canary');
  return secret;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const failure = await work.then(
    (value) => expect.fail(`it was ${inspect(value)}`),
    (error: unknown) => error,
  );
  expect(inspect(failure, { depth: 10 })).not.toContain('canary');
  return failure;
}

describe('auths', () => {
  test.each([
    ['quay.io', 'quay.io'],
    ['https://quay.io', 'quay.io'],
    ['http://quay.io', 'quay.io'],
    ['https://quay.io/v1/', 'quay.io'],
    ['https://quay.io/v2/', 'quay.io'],
    ['quay.io/v1/', 'quay.io'],
    ['quay.io/v2/', 'quay.io'],
    ['QUAY.io:443', 'quay.io'],
    ['https://index.docker.io/v1/', hub],
    ['index.docker.io', hub],
    ['docker.io', hub],
    ['registry-1.docker.io', hub],
    ['127.0.0.1:5000', '127.0.0.1:5000'],
    ['localhost:80', 'localhost'],
    ['[::1]:5000', '[::1]:5000'],
  ])('of %s are for %s, and for nobody else', async (key, host) => {
    expect(await find({ auths: { [key]: { auth } } }, { host })).toEqual(password);
    for (const other of ['quay.io:5000', 'x.quay.io', 'quay.io.example', 'docker.com', '127.0.0.1:50001'])
      expect(await find(undefined, { host: other })).toBeUndefined();
  });

  test('may be for a path of the registry, and the longest one that fits counts', async () => {
    const entry = (name: string): object => ({ username: name, password: 'x' });
    const auths = { 'quay.io': entry('all'), 'quay.io/acme/ex': entry('image'), 'quay.io/acme': entry('team') };
    const userOf = async (repository: string) =>
      ((await find({ auths }, { repository })) as { username: string }).username;
    expect(await userOf('acme/ex')).toBe('image');
    expect(await userOf('acme/ex/more')).toBe('image');
    expect(await userOf('acme/exx')).toBe('team');
    expect(await userOf('acmeex/x')).toBe('all');
    const library = { auths: { 'docker.io/library': entry('hub') } };
    expect(await find(library, { host: hub, repository: 'library/x' })).toMatchObject({ username: 'hub' });
    expect(await find(library, { host: hub, repository: 'acme/x' })).toBeUndefined();
  });

  test.each([
    [{ auth }, password],
    [{ auth: Buffer.from(`user:${canary}\0\0`).toString('base64') }, password],
    [{ username: 'user', password: canary }, password],
    [
      { auth, identitytoken: 'refresh' },
      { kind: 'identity-token', token: 'refresh' },
    ],
    [
      { auth, identitytoken: 'refresh', registrytoken: 'ready' },
      { kind: 'registry-token', token: 'ready' },
    ],
    [{}, undefined],
    [{ auth: '' }, undefined],
    [[], undefined],
    ['text', undefined],
  ])('with %j are read', async (entry, secret) => {
    expect(await find({ auths: { 'quay.io': entry } })).toEqual(secret);
  });

  test('that are broken are an error for their registry only, which shows nothing of them', async () => {
    const broken = { auths: { 'quay.io': { auth: 'canary' }, 'ghcr.io': { auth } } };
    expect(await find(broken, { host: 'ghcr.io' })).toEqual(password);
    expect(await failureOf(find(broken))).toMatchObject({ class: 'infrastructure', reason: 'credentials' });
    const token = { auths: { 'quay.io': { registrytoken: 'canary\r\nx: y' } } };
    expect(await failureOf(find(token))).toMatchObject({ message: expect.stringContaining('"registrytoken"') });
    const text = `{"auths": {"quay.io":\n {"auth": "canary" "canary"}}}`;
    expect(await failureOf(find(text))).toMatchObject({ message: expect.stringContaining('not JSON (line 2)') });
    expect(await failureOf(find('["canary"]'))).toMatchObject({
      message: expect.stringContaining('not a JSON object'),
    });
  });
});

describe('the file', () => {
  test('must be ours and nobody else may write it, because it names programs that are run', async () => {
    await find({});
    await chmod(path, 0o666);
    expect(await failureOf(find(undefined))).toMatchObject({ hint: expect.stringContaining(`chmod go-w ${path}`) });
    await chmod(path, 0o644);
    expect(await find(undefined)).toBeUndefined();
    if (process.geteuid?.() !== 0) return;
    await chown(path, 12345, 12345);
    expect(await failureOf(find(undefined))).toMatchObject({ message: expect.stringContaining('uid 12345') });
  });

  test('must be there when it was named; the one of DOCKER_CONFIG need not', async () => {
    expect(await failureOf(find(undefined))).toMatchObject({ message: expect.stringContaining(path) });
    const source = openCredentials({ searchPath: '', environment: { DOCKER_CONFIG: folder } });
    const query = { host: 'quay.io', repository: 'x', signal: new AbortController().signal };
    expect(await source.find(query)).toBeUndefined();
    await writeFile(path, JSON.stringify({ auths: { 'quay.io': { auth } } }), { mode: 0o600 });
    expect(await openCredentials({ searchPath: '', environment: { DOCKER_CONFIG: folder } }).find(query)).toMatchObject(
      password,
    );
  });

  test('is no folder, no pipe and not endless; a link to a file is one', async () => {
    await mkdir(path);
    expect(await failureOf(find(undefined))).toMatchObject({ message: expect.stringContaining('not a regular file') });
    await rm(path, { recursive: true });
    await symlink('/dev/zero', path);
    expect(await failureOf(find(undefined))).toMatchObject({ message: expect.stringContaining('not a regular file') });
    await rm(path);
    expect(await failureOf(find(' '.repeat(1024 * 1024 + 1)))).toMatchObject({
      message: expect.stringContaining('larger than'),
    });
    await rm(path);
    await writeFile(join(folder, 'real'), JSON.stringify({ auths: { 'quay.io': { auth } } }), { mode: 0o600 });
    await symlink(join(folder, 'real'), path);
    expect(await find(undefined)).toEqual(password);
  });
});

describe('a credential helper', () => {
  const helper = async (name: string, script: string): Promise<void> => {
    const program = join(folder, `docker-credential-${name}`);
    await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  const answer = (username: string, secret: string): string =>
    `printf '%s' '${JSON.stringify({ ServerURL: 'x', Username: username, Secret: secret })}'`;
  const helped = { credHelpers: { 'quay.io': 'fake' } };

  test.each([
    ['a password', answer('user', canary), password],
    ['an identity token', answer('<token>', 'refresh'), { kind: 'identity-token', token: 'refresh' }],
    ['an identity token of nobody', answer('', 'refresh'), { kind: 'identity-token', token: 'refresh' }],
    ['nothing', answer('', ''), undefined],
    ['that it has none', "echo 'credentials not found in native keychain'; exit 1", undefined],
  ])('answers with %s', async (_what, script, secret) => {
    await helper('fake', script);
    expect(await find(helped)).toEqual(secret);
  });

  test('is asked by `get`, with the name of the server on standard input and little of the environment', async () => {
    await helper(
      'fake',
      `printf '%s|' "$@" > ${folder}/seen; cat >> ${folder}/seen; env >> ${folder}/seen; ${answer('u', 'p')}`,
    );
    process.env.COMPONENTD_TEST_CANARY = canary;
    await find(helped, { environment: { PATH: process.env.PATH ?? '', AWS_PROFILE: 'build' } });
    delete process.env.COMPONENTD_TEST_CANARY;
    const [asked, ...environment] = (await readFile(join(folder, 'seen'), 'utf8')).trim().split('\n');
    expect(asked).toBe('get|quay.io');
    expect(environment).toContain('AWS_PROFILE=build');
    expect(environment.map((line) => line.split('=')[0]).sort()).toEqual(
      expect.arrayContaining(['AWS_PROFILE', 'PATH', 'PWD']),
    );
    expect(environment.join()).not.toContain('canary');
  });

  test('of the registry counts before the store, that before what is written, and Docker Hub has its old name', async () => {
    await helper('fake', `cat > ${folder}/seen; ${answer('helper', 'x')}`);
    await helper('store', `cat > ${folder}/seen; ${answer('store', 'x')}`);
    await helper('empty', "echo 'credentials not found in native keychain'; exit 1");
    const written = { auths: { 'quay.io': { auth }, 'https://index.docker.io/v1/': {} } };
    const all = { ...written, credHelpers: { 'https://quay.io': 'fake' }, credsStore: 'store' };
    expect(await find(all)).toMatchObject({ username: 'helper' });
    expect(await find({ ...written, credsStore: 'store' })).toMatchObject({ username: 'store' });
    expect(await find({ ...written, credsStore: 'empty' })).toEqual(password);
    expect(await find(all, { host: hub })).toMatchObject({ username: 'store' });
    expect(await readFile(join(folder, 'seen'), 'utf8')).toBe('https://index.docker.io/v1/\n');
    const narrow = { credHelpers: { 'quay.io/acme': 'fake', 'quay.io/other': 'store' } };
    expect(await find(narrow)).toMatchObject({ username: 'helper' });
    expect(await find(narrow, { repository: 'other/x' })).toMatchObject({ username: 'store' });
    expect(await find(narrow, { repository: 'acmeother/x' })).toBeUndefined();
  });

  test.each([
    ['its words', "echo 'the keyring is locked'; exit 1", 'ended with code 1 for quay.io: the keyring is locked'],
    ['no words that may be a secret', `${answer('user', canary)}; exit 1`, 'ended with code 1 for quay.io'],
    ['no words of standard error', 'echo canary >&2; exit 2', 'ended with code 2 for quay.io'],
    ['the signal', 'kill -9 $$', 'ended with a signal'],
    ['no answer that is none', 'echo canary', 'something that is no credentials'],
    ['no answer of wrong types', `echo '{"Username":1,"Secret":"canary"}'`, 'something that is no credentials'],
    ['too much of it', 'yes canary', 'printed more than 65536 bytes'],
  ])('that fails is told with %s', async (_what, script, words) => {
    await helper('fake', script);
    expect(await failureOf(find(helped))).toMatchObject({
      class: 'infrastructure',
      message: expect.stringContaining(words),
      hint: expect.stringContaining('docker-credential'),
    });
  });

  test('that hangs goes with all that it started, when the job does', async () => {
    await helper('fake', `sleep 1000 & echo $! > ${folder}/made; mv ${folder}/made ${folder}/pid; wait`);
    const stop = new AbortController();
    const stopped = expect(find(helped, { signal: stop.signal })).rejects.toThrow('enough');
    await expect.poll(() => existsSync(join(folder, 'pid')), { timeout: 10_000 }).toBe(true);
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    expect(await isAlive(pid)).toBe(true);
    stop.abort(new Error('enough'));
    await stopped;
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  test.each(['../evil', '/bin/sh', 'a b', '', '-x', 'missing'])('called %j is not started', async (name) => {
    await writeFile(join(folder, 'evil'), `#!/bin/sh\ntouch ${folder}/ran\n`, { mode: 0o755 });
    const content = { credHelpers: { 'quay.io': name }, auths: { 'quay.io': { auth } } };
    // An empty name is how a registry is taken out of the store.
    if (name === '') expect(await find(content)).toEqual(password);
    else expect(await failureOf(find(content))).toMatchObject({ reason: 'credentials' });
    await expect(readFile(join(folder, 'ran'))).rejects.toThrow('ENOENT');
  });
});

/** A zombie that nobody collects is none. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
  return !/^State:\s+[ZX]/m.test(status);
}
