import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outcome } from '../../support/hostile-net.ts';

const run = promisify(execFile);
const child = fileURLToPath(new URL('../../support/hostile-child.ts', import.meta.url));
const addresses = ['93.184.216.34/32', '93.184.216.35/32', '169.254.169.254/32', '10.1.2.3/32', '192.168.5.5/32'];
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
/** Everything that is ever connected to, so that nothing is safe merely because its certificate is wrong. */
const subjects = [
  ...['auth.registry', 'registry', 'storage', 'other', 'inside', 'metadata', 'both', 'turning'].map(
    (name) => `DNS:${name}.example`,
  ),
  'DNS:localhost',
  ...[...addresses.map((address) => address.slice(0, -3)), '127.0.0.1', '::1', 'fd00:ec2::254'].map((ip) => `IP:${ip}`),
].join(',');

let directory: string;
let outcomes: ReadonlyMap<string, Outcome>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-hostile-'));
  const [hosts, key, certificate] = ['hosts', 'key.pem', 'certificate.pem'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(hosts, '');
  const names = ['-subj', '/CN=hostile', '-addext', `subjectAltName=${subjects}`];
  await run('openssl', ['req', '-x509', ...newKey, '-keyout', key, '-out', certificate, ...names]);
  const script = `set -e
ip link set lo up
for address in ${addresses.join(' ')} fd00:ec2::254/128; do ip addr add $address dev lo; done
mount --bind "$1" /etc/hosts
exec "$2" "$3" "$1" "$4" "$5"`;
  const argv = ['--net', '--mount', 'sh', '-c', script, 'sh', hosts, process.execPath, child, key, certificate];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate };
  const { stdout } = await run('unshare', argv, { env, maxBuffer: 2 ** 24, timeout: 100_000 });
  const all = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
  outcomes = new Map(all.map((outcome) => [outcome.trick, outcome]));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const of = (trick: string): Outcome => {
  const found = outcomes.get(trick);
  if (found === undefined) throw new Error(`no outcome of ${trick} among ${[...outcomes.keys()].join(', ')}`);
  return found;
};

test('the victims would tell: an operator who names one gets there', () => {
  expect(of('control').victims).toContain('169.254.169.254 443: /v2/ ');
});

test('nobody but the registry and where it may lead is even connected to', () => {
  const reached = [...outcomes.values()].filter(({ trick, victims }) => trick !== 'control' && victims.length > 0);
  expect(reached.map(({ trick, victims }) => [trick, victims])).toEqual([]);
  expect(outcomes.size).toBeGreaterThan(60);
});

test('no password, token or cookie arrives anywhere else', () => {
  for (const { trick, storage } of outcomes.values()) {
    const told = JSON.stringify(storage);
    for (const secret of [
      'authorization',
      'cookie',
      'canary',
      'bearer-token',
      Buffer.from('user:canary-password').toString('base64'),
    ])
      expect(told, trick).not.toContain(secret);
  }
  expect(JSON.stringify([...outcomes.values()].map(({ message }) => message))).not.toContain('canary');
});

test('every trick ends within its time and without taking memory', () => {
  for (const { trick, ms, grewBytes } of outcomes.values()) {
    expect(ms, trick).toBeLessThan(20_000);
    expect(grewBytes, trick).toBeLessThan(64 * 2 ** 20);
  }
});

describe('refused is', () => {
  test('every address of a private or link-local range, whatever its spelling', () => {
    const tried = [...outcomes.values()].filter(({ trick }) => /^(?:realm .* anonymously|blob to https)/.test(trick));
    const followed = tried.filter(({ result }) => result !== 'address_refused').map(({ trick }) => trick);
    expect(followed).toEqual([
      'realm https://other.example/token anonymously',
      'blob to https://storage.example/blob?signature=kept',
      'blob to https://someone:else@storage.example/blob',
      'blob to https://',
    ]);
  });

  test.each([
    ['realm https://169.254.169.254/token', 'realm_refused'],
    ['realm https://other.example/token', 'realm_refused'],
    ['realm https://user:pw@other.example/token', 'realm_refused'],
    ['realm http://registry.example/token', 'realm_refused'],
    ['realm http://169.254.169.254/token', 'realm_refused'],
    ['realm file:///etc/passwd', 'realm_refused'],
    ['realm nonsense', 'realm_refused'],
    ['realm ', 'realm_refused'],
    ['manifest to https://169.254.169.254/latest', 'address_refused'],
    ['manifest to https://inside.example/', 'address_refused'],
    ['blob to //inside.example/x', 'address_refused'],
    ['blob to http://storage.example/blob', 'redirect_refused'],
    ['blob to http://registry.example/blob', 'redirect_refused'],
    ['blob to http://169.254.169.254/latest', 'redirect_refused'],
    ['blob to http://127.0.0.1:8080/', 'redirect_refused'],
    ['blob to ftp://storage.example/', 'redirect_refused'],
    ['blob to file:///etc/passwd', 'redirect_refused'],
    ['blob to javascript:1', 'redirect_refused'],
    ['blob to https://', 'infrastructure'],
    ['blob to /same/again', 'infrastructure'],
    ['a name that leads elsewhere the second time', 'address_refused'],
    ['a token server that leads the password elsewhere', 'ok'],
    ['a token server that leads the refresh token elsewhere', 'redirect_refused'],
    ['a scope of everything, at length', 'registry_denied'],
    ['a manifest in tiny pieces', 'image_invalid'],
    ['headers that trickle', 'Transient'],
    ['headers without end', 'header_overflow'],
    ['one header without end', 'header_overflow'],
    ['answers that are none', 'Transient'],
    ['a status line without end', 'header_overflow'],
    ['nothing', 'Transient'],
  ])('%s: %s', (trick, result) => {
    expect([of(trick).result, of(trick).message]).toEqual([result, expect.any(String)]);
  });
});

test('what is allowed works: a redirect to a public host, with its query and without anything of ours', () => {
  const { result, storage } = of('blob to https://storage.example/blob?signature=kept');
  expect(result).toBe('ok');
  expect(storage.map(({ url, headers }) => [url, Object.keys(headers).sort()])).toEqual([
    ['/blob?signature=kept', ['accept', 'accept-encoding', 'connection', 'host', 'user-agent']],
  ]);
  expect(of('blob to https://someone:else@storage.example/blob').result).toBe('ok');
  expect(of('a token goes to the registry only')).toMatchObject({ result: 'ok', storage: [{ url: '/blob' }] });
  expect(of('a name that leads elsewhere the second time').storage).toHaveLength(1);
});

test('cookies are not sent back, nor links followed', () => {
  const { result, registry } = of('links and cookies');
  expect(result).toBe('ok');
  expect(registry).toHaveLength(2);
  expect(registry.flatMap((headers) => Object.keys(headers))).not.toContain('cookie');
});
