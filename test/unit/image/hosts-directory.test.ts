import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InfrastructureError } from '../../../src/base/errors.ts';
import { readHosts } from '../../../src/image/hosts/directory.ts';
import { type KeyPair, makeAuthority } from '../../support/authority.ts';

const run = promisify(execFile);
let certificates: string;
let authority: string;
let client: KeyPair;
let other: KeyPair;
let directory: string;

beforeAll(async () => {
  certificates = await mkdtemp(join(tmpdir(), 'componentd-test-authority-'));
  const made = await makeAuthority(certificates);
  authority = made.certificate;
  [client, other] = [await made.client('client'), await made.client('other')];
});
afterAll(() => rm(certificates, { recursive: true, force: true }));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-hosts-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(path: string, content: string): Promise<void> {
  await mkdir(join(directory, path, '..'), { recursive: true });
  await writeFile(join(directory, path), content);
}

const origins = async (domain: string) => (await readHosts(directory, domain)).map(({ origin }) => origin.origin);

describe('without any configuration', () => {
  it.each([
    ['quay.io', 'https://quay.io'],
    ['docker.io', 'https://registry-1.docker.io'],
    ['10.0.0.5:5000', 'https://10.0.0.5:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['localhost:80', 'http://localhost'],
    ['localhost:443', 'https://localhost'],
    ['localhost', 'https://localhost'],
  ])('%s is %s', async (domain, origin) => {
    expect(await origins(domain)).toEqual([origin]);
    directory = join(directory, 'absent');
    expect(await readHosts(directory, domain)).toMatchObject([
      { root: '/v2', pull: true, resolve: true, isConfigured: false, tls: { authorities: [], skipVerify: false } },
    ]);
  });
});

describe('the folder of a registry', () => {
  it('is the first of three, and stands for all without one', async () => {
    await put('_default/hosts.toml', 'server = "d.example"');
    expect(await origins('a.example:5000')).toEqual(['https://d.example']);
    await put('a.example:5000/hosts.toml', 'server = "b.example"');
    expect(await origins('a.example:5000')).toEqual(['https://b.example']);
    await put('a.example_5000_/hosts.toml', 'server = "c.example"');
    expect(await origins('a.example:5000')).toEqual(['https://c.example']);
    expect(await origins('a.example')).toEqual(['https://d.example']);
  });

  it('is found however the registry is written', async () => {
    await put('_default/hosts.toml', 'server = "d.example"');
    await put('a.example/hosts.toml', 'server = "b.example"');
    await put('a.example_5000_/hosts.toml', 'server = "c.example"');
    expect(await origins('A.Example')).toEqual(['https://b.example']);
    expect(await origins('A.EXAMPLE:5000')).toEqual(['https://c.example']);
  });

  it('for all of them keeps headers for the hosts that it names', async () => {
    const header = (above: string) => put('_default/hosts.toml', `${above}\n[header]\nauthorization = "Basic eDp5"`);
    await header('server = "d.example"');
    expect(await readHosts(directory, 'a.example')).toMatchObject([{ headers: { authorization: ['Basic eDp5'] } }]);
    await header('');
    await expect(readHosts(directory, 'a.example')).rejects.toMatchObject({
      problems: [{ line: 2, path: 'header', message: expect.stringContaining('every registry') }],
    });
  });

  it('that is empty changes nothing, and hides the one for all', async () => {
    await put('_default/hosts.toml', 'server = "d.example"');
    await put('a.example/README', '');
    expect(await origins('a.example')).toEqual(['https://a.example']);
    await put('a.example/hosts.toml', '');
    expect(await origins('a.example')).toEqual(['https://a.example']);
  });

  it('may lie behind links, as mounted secrets do', async () => {
    await put('real/data', 'server = "b.example"');
    await symlink('real', join(directory, 'a.example'));
    await symlink('data', join(directory, 'real', 'hosts.toml'));
    expect(await origins('a.example')).toEqual(['https://b.example']);
  });

  it('with certificates makes a registry on this machine speak TLS', async () => {
    await put('127.0.0.1_5000_/hosts.toml', 'skip_verify = true');
    expect(await origins('127.0.0.1:5000')).toEqual(['https://127.0.0.1:5000']);
    await mkdir(join(directory, 'localhost_5000_'));
    await copyFile(authority, join(directory, 'localhost_5000_', 'ca.crt'));
    expect(await origins('localhost:5000')).toEqual(['https://localhost:5000']);
  });
});

describe('certificates', () => {
  const text = (path: string) => readFile(path, 'latin1');

  it('are read from where the file says', async () => {
    await mkdir(join(directory, 'a.example'));
    await copyFile(authority, join(directory, 'a.example', 'ca.pem'));
    const both = `${await text(client.key)}${await text(client.certificate)}`;
    await put('a.example/both.pem', both);
    await put(
      'a.example/hosts.toml',
      `ca = ["ca.pem", "${authority}"]\nclient = [["${client.certificate}", "${client.key}"]]`,
    );
    const [host] = await readHosts(directory, 'a.example');
    const pem = (await text(authority)).trim();
    expect(host?.tls.authorities).toEqual([pem, pem]);
    expect(host?.tls.identities).toEqual([
      { certificate: await text(client.certificate), key: await text(client.key) },
    ]);
    await put('a.example/hosts.toml', 'client = "both.pem"');
    expect((await readHosts(directory, 'a.example'))[0]?.tls.identities).toEqual([{ certificate: both, key: both }]);
  });

  it('are found by their names where there is no file', async () => {
    await mkdir(join(directory, 'a.example'));
    await copyFile(authority, join(directory, 'a.example', 'ca.crt'));
    await copyFile(client.certificate, join(directory, 'a.example', 'me.cert'));
    await copyFile(client.key, join(directory, 'a.example', 'me.key'));
    const [host] = await readHosts(directory, 'a.example');
    expect(host?.tls.authorities).toHaveLength(1);
    expect(host?.tls.identities).toHaveLength(1);
  });

  it('that cannot be used are all told, with key and line, and nothing secret of them', async () => {
    const encrypted = join(directory, 'encrypted.key');
    await run('openssl', ['ec', '-in', client.key, '-aes128', '-passout', 'pass:sesame', '-out', encrypted]);
    await put(
      'a.example/hosts.toml',
      `ca = "absent.pem"
[host."https://one.example"]
ca = "${client.key}"
client = [
  ["${client.certificate}", "${other.key}"],
  ["${client.certificate}", "${client.certificate}"],
  ["${client.certificate}", "${encrypted}"],
  ["${client.certificate}", "${client.key}"],
  ["${other.certificate}", "${other.key}"],
]
capabilities = "pull"
`,
    );
    const failure = await readHosts(directory, 'a.example').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InfrastructureError);
    const { problems, message } = failure as InfrastructureError;
    expect(problems.map(({ line, message: one }) => `${line} ${one}`)).toEqual([
      `1 there is no file ${join(directory, 'a.example', 'absent.pem')}`,
      `3 ${client.key} holds no certificate in PEM`,
      `4 the key in ${other.key} does not belong to the certificate in ${client.certificate}`,
      `4 ${client.certificate} holds no private key in PEM that can be read`,
      `4 the key in ${encrypted} needs a passphrase, which there is nobody to give`,
      `4 ${other.certificate} is a second one with a key of the type ec: one is shown`,
      '11 must be a list of strings',
    ]);
    expect(message).toContain('hosts.toml:3');
    expect(message).not.toContain('BEGIN');
  });
});

describe('what cannot be read', () => {
  it.each([
    ['is a folder', (path: string) => mkdir(path, { recursive: true }), 'is not a regular file'],
    ['is a device', (path: string) => symlink('/dev/zero', path), 'is not a regular file'],
    ['is a pipe', (path: string) => run('mkfifo', [path]), 'is not a regular file'],
    ['is too long', (path: string) => writeFile(path, '#'.repeat(300_000)), 'is longer than 262144 bytes'],
    ['is no text', (path: string) => writeFile(path, Buffer.from([0x61, 0xff])), 'is not text in UTF-8'],
    ['is not TOML', (path: string) => writeFile(path, 'server = \n'), 'hosts.toml:1:'],
    ['leads in circles', (path: string) => symlink(path, path), 'cannot be read'],
  ])('a hosts.toml that %s is an error, and nothing else is used', async (_what, make, words) => {
    await put('_default/hosts.toml', 'server = "d.example"');
    await mkdir(join(directory, 'a.example'));
    await make(join(directory, 'a.example', 'hosts.toml'));
    const failing = readHosts(directory, 'a.example');
    await expect(failing).rejects.toMatchObject({ class: 'infrastructure', message: expect.stringContaining(words) });
    await expect(failing).rejects.toThrow('a.example/hosts.toml');
  });

  it('is also a folder that is none, or that nobody may enter', async () => {
    await put('a.example', 'x');
    await expect(readHosts(directory, 'a.example')).rejects.toThrow('is not a folder');
    await expect(readHosts(join(directory, 'a.example'), 'b.example')).rejects.toThrow('cannot be read');
    if (process.getuid?.() !== 0) {
      await chmod(directory, 0);
      await expect(readHosts(directory, 'b.example')).rejects.toThrow('cannot be read');
    }
  });
});
