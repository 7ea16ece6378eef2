import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCredentials } from '../../../../src/image/credentials/sources.ts';
import type { RegistrySecret } from '../../../../src/image/types.ts';
import { makeAuthority } from '../../../support/authority.ts';
import { type Ecr, startEcr } from '../../../support/ecr.ts';
import { isEverythingRequired } from '../../../support/releases.ts';

const run = promisify(execFile);
const hub = 'https://index.docker.io/v1/';
const searchPath = process.env.PATH ?? '';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-helpers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

/** What the helper has for a registry, found the way that a pull finds it. */
async function find(
  config: object,
  { host, environment }: { readonly host: string; readonly environment: Readonly<Record<string, string>> },
): Promise<RegistrySecret | undefined> {
  const dockerConfig = join(folder, 'config.json');
  await writeFile(dockerConfig, JSON.stringify(config), { mode: 0o600 });
  const source = openCredentials({ dockerConfig, searchPath, environment });
  return source.find({ host, repository: 'acme/ex', signal: new AbortController().signal });
}

function named(helper: string, ...others: readonly string[]): { readonly isLeftOut: boolean; readonly title: string } {
  const missing = [helper, ...others].filter((program) => !isThere(program));
  const title = missing.length === 0 ? helper : `${helper} (skipped: ${missing.join(', ')} not installed)`;
  return { isLeftOut: missing.length > 0 && !isEverythingRequired, title };
}

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const pass = named('docker-credential-pass', 'pass', 'gpg');
describe.skipIf(pass.isLeftOut)(pass.title, () => {
  let environment: Record<string, string>;
  beforeAll(async () => {
    const home = join(folder, 'home');
    // The agent's socket lies in it, and the path of a socket is short.
    const keys = await mkdtemp('/tmp/gpg-');
    environment = { PATH: searchPath, HOME: home, GNUPGHOME: keys };
    await mkdir(home);
    await run('gpg', ['--batch', '--passphrase', '', '--quick-generate-key', 'test', 'default', 'default', 'never'], {
      env: environment,
    });
    await run('pass', ['init', 'test'], { env: environment });
  });
  afterAll(async () => {
    await run('gpgconf', ['--kill', 'all'], { env: environment });
    await rm(environment.GNUPGHOME ?? '', { recursive: true, force: true, maxRetries: 5 });
  });

  const store = async (ServerURL: string, Username: string, Secret: string): Promise<void> => {
    const helper = run('docker-credential-pass', ['store'], { env: environment });
    helper.child.stdin?.end(JSON.stringify({ ServerURL, Username, Secret }));
    await helper;
  };

  test('has what it was told to keep, and nothing for others', async () => {
    await store('quay.io', 'robot', 'pässword "1"');
    await store(hub, '<token>', 'refresh');
    const config = { credsStore: 'pass' };
    expect(await find(config, { host: 'quay.io', environment })).toMatchObject({
      kind: 'password',
      username: 'robot',
      password: 'pässword "1"',
    });
    expect(await find(config, { host: 'registry-1.docker.io', environment })).toMatchObject({
      kind: 'identity-token',
      token: 'refresh',
    });
    expect(await find(config, { host: 'ghcr.io', environment })).toBeUndefined();
  });

  test('that cannot open its store says so', async () => {
    const lost = { ...environment, GNUPGHOME: join(folder, 'nowhere') };
    await expect(find({ credsStore: 'pass' }, { host: 'quay.io', environment: lost })).rejects.toMatchObject({
      class: 'infrastructure',
      reason: 'credentials',
    });
  });
});

const ecrLogin = named('docker-credential-ecr-login', 'openssl');
describe.skipIf(ecrLogin.isLeftOut)(ecrLogin.title, () => {
  const region = 'eu-central-1';
  const host = `123456789012.dkr.ecr.${region}.amazonaws.com`;
  const api = `api.ecr.${region}.amazonaws.com`;
  const key = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
  const wanted: string[] = [];
  const proxy = createServer();
  let ecr: Ecr;
  let environment: Record<string, string>;

  beforeAll(async () => {
    const authority = await makeAuthority(join(folder, 'authority'));
    const pair = await authority.server('aws', [api]);
    ecr = await startEcr(region, { key: await readFile(pair.key), cert: await readFile(pair.certificate) });
    ecr.keys.set(key.id, { secret: key.secret });
    // It knows the public endpoint only: whatever it wants to connect to is led to ours.
    proxy.on('connect', ({ url = '' }, socket) => {
      wanted.push(url);
      const server = connect(Number(ecr.host.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        server.pipe(socket).pipe(server);
      });
      for (const end of [server, socket]) end.on('error', () => {});
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    environment = {
      PATH: searchPath,
      HOME: join(folder, 'aws-home'),
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      SSL_CERT_FILE: authority.certificate,
      AWS_ECR_DISABLE_CACHE: 'true',
    };
  });
  afterAll(async () => {
    proxy.closeAllConnections();
    proxy.close();
    await ecr.stop();
  });

  /** Where the helper looks by itself, and we never do. */
  const setKey = async (secret: string): Promise<void> => {
    const home = join(environment.HOME ?? '', '.aws');
    await mkdir(home, { recursive: true });
    const lines = ['[default]', `aws_access_key_id = ${key.id}`, `aws_secret_access_key = ${secret}`];
    await writeFile(join(home, 'credentials'), lines.join('\n'), { mode: 0o600 });
  };

  test('gets a password from the same endpoint that we do', async () => {
    await setKey(key.secret);
    const found = await find({ credHelpers: { [host]: 'ecr-login' } }, { host, environment });
    expect(found).toMatchObject({ kind: 'password', username: 'AWS', password: ecr.passwords.at(-1) });
    expect(new Set(wanted)).toEqual(new Set([`${api}:443`]));
    expect(ecr.refusals).toEqual([]);
  });

  test('with a wrong key is refused there, and has nothing', async () => {
    await setKey('guessed');
    expect(await find({ credHelpers: { [host]: 'ecr-login' } }, { host, environment })).toBeUndefined();
    expect(ecr.refusals).toContain('InvalidSignatureException');
  });
});
