import { execFile } from 'node:child_process';
import { createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { credentialsFor } from '../../../../src/image/credentials/request.ts';
import { openCredentials } from '../../../../src/image/credentials/sources.ts';
import { parseReference } from '../../../../src/image/reference.ts';
import { Registry } from '../../../../src/image/registry/registry.ts';
import type { RegistrySecret } from '../../../../src/image/types.ts';
import { makeAuthority } from '../../../support/authority.ts';
import { type Registry as RealRegistry, startRegistry } from '../../../support/registry.ts';

const run = promisify(execFile);
const password = { kind: 'password', username: 'reader', password: 'pa:ss wörd' } as const;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-access-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Asked {
  readonly secret?: RegistrySecret | undefined;
  readonly repository?: string;
}

/** How often the source was asked, and what became of the question for an image that nobody has: `image_not_found` is access. */
async function ask(host: string, { secret, repository = 'private/x' }: Asked = {}, times = 1): Promise<string[]> {
  const reference = parseReference(`${host}/${repository}:1`);
  let finds = 0;
  const find = async (): Promise<RegistrySecret | undefined> => {
    finds += 1;
    return secret;
  };
  const signal = new AbortController().signal;
  using registry = new Registry({ reference, credentials: { find }, hostsDirectory: folder, signal });
  const outcomes: string[] = [];
  for (let time = 0; time < times; time += 1) {
    const outcome = await registry.resolve().catch((error: { reason?: string; message: string }) => {
      expect(error.message).not.toContain('pa:ss');
      return error.reason ?? error.message;
    });
    outcomes.push(String(outcome));
  }
  expect(finds).toBeLessThanOrEqual(1);
  return outcomes;
}

describe('a registry with a list of users', () => {
  let registry: RealRegistry;
  beforeAll(async () => {
    const { stdout } = await run('htpasswd', ['-Bbn', password.username, password.password]);
    await writeFile(join(folder, 'htpasswd'), stdout);
    registry = await startRegistry({ htpasswd: join(folder, 'htpasswd') });
  });
  afterAll(() => registry.stop());

  test.each([
    ['the right password', password, 'image_not_found'],
    ['a wrong password', { ...password, password: 'x' }, 'registry_denied'],
    ['an unknown user', { ...password, username: 'x' }, 'registry_denied'],
    ['nothing', undefined, 'registry_denied'],
    ['a token', { kind: 'registry-token', token: 'x' } as const, 'registry_denied'],
    ['an identity token', { kind: 'identity-token', token: 'x' } as const, 'registry_denied'],
  ])('takes %s for what it is', async (_what, secret, outcome) => {
    expect(await ask(registry.host, { secret })).toEqual([outcome]);
  });

  test('tells that credentials were for another server', async () => {
    const given = { username: password.username, password: password.password, server: 'quay.io' };
    const reference = parseReference(`${registry.host}/private/x:1`);
    const credentials = credentialsFor(reference, given, undefined);
    const signal = new AbortController().signal;
    using asked = new Registry({ reference, credentials, hostsDirectory: folder, signal });
    await expect(asked.resolve()).rejects.toMatchObject({ hint: expect.stringContaining('for quay.io only') });
  });

  test.each(['', '/private'])('takes what skopeo, as podman, noted at its login%s', async (path) => {
    const file = join(folder, `auth${path.replace('/', '-')}.json`);
    const options = ['--authfile', file, '--tls-verify=false', '--username', password.username, '--password-stdin'];
    const login = run('skopeo', ['login', ...options, registry.host + path]);
    login.child.stdin?.end(password.password);
    await login;
    const source = openCredentials({ dockerConfig: file, searchPath: '', environment: {} });
    const query = { host: registry.host, repository: 'private/x', signal: new AbortController().signal };
    const secret = await source.find(query);
    expect(await ask(registry.host, { secret })).toEqual(['image_not_found']);
    expect(await source.find({ ...query, repository: 'public/x' })).toEqual(path === '' ? secret : undefined);
  });
});

describe('a registry with tokens', () => {
  let registry: RealRegistry;
  let key: KeyObject;
  let chain: string;
  let seen: { method: string; url: URL; authorization: string | undefined; form: URLSearchParams }[];
  let answer: (response: ServerResponse, scope: string) => void;
  let lifeSeconds: number;
  const good = (response: ServerResponse, scope: string): void => {
    response.end(JSON.stringify({ token: 'not this one', access_token: tokenFor(scope), expires_in: lifeSeconds }));
  };
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    const url = new URL(request.url ?? '/', 'http://x');
    seen.push({ method: request.method ?? '', url, authorization: request.headers.authorization, form });
    const scope = form.get('scope') ?? url.searchParams.get('scope') ?? '';
    if (isWelcome(request, form, scope)) answer(response, scope);
    else response.writeHead(request.method === 'POST' ? 400 : 401).end('{"error":"invalid_grant"}');
  });

  /** Anyone may read what is public. */
  function isWelcome(request: IncomingMessage, form: URLSearchParams, scope: string): boolean {
    const basic = `Basic ${Buffer.from(`${password.username}:${password.password}`).toString('base64')}`;
    if (request.method === 'POST')
      return form.get('refresh_token') === 'refresh' && form.get('grant_type') === 'refresh_token';
    const { authorization } = request.headers;
    return authorization === basic || (authorization === undefined && scope.includes(':public/'));
  }

  /** A token as distribution's documents describe it, for one scope. */
  function tokenFor(scope: string, { lasts = 300 } = {}): string {
    const [type, name, actions = ''] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'test', aud: 'test', sub: '', jti: randomUUID(), nbf: now - 10, iat: now, exp: now + lasts };
    const access = [{ type, name, actions: actions.split(',') }];
    const parts = [
      { typ: 'JWT', alg: 'ES256', x5c: [chain] },
      { ...claims, access },
    ];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  beforeAll(async () => {
    const { certificate, key: file } = await (await makeAuthority(join(folder, 'authority'))).server('tokens');
    key = createPrivateKey(await readFile(file));
    chain = new X509Certificate(await readFile(certificate)).raw.toString('base64');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?tenant=1`;
    registry = await startRegistry({ tokens: { realm, certificate } });
  });
  afterAll(async () => {
    await registry.stop();
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    seen = [];
    answer = good;
    lifeSeconds = 300;
  });

  test.each([
    ['nobody to what is public', { repository: 'public/x' }, 'image_not_found'],
    ['nobody to what is private', {}, 'registry_denied'],
    ['a password', { secret: password }, 'image_not_found'],
    [
      'a wrong password, not even to what is public',
      { secret: { ...password, password: 'x' }, repository: 'public/x' },
      'registry_denied',
    ],
    ['an identity token', { secret: { kind: 'identity-token', token: 'refresh' } as const }, 'image_not_found'],
    ['a wrong identity token', { secret: { kind: 'identity-token', token: 'x' } as const }, 'registry_denied'],
    ['a token that is none', { secret: { kind: 'registry-token', token: 'x' } as const }, 'registry_denied'],
  ])('gives access to %s, or none', async (_what, asked, outcome) => {
    expect(await ask(registry.host, asked)).toEqual([outcome]);
  });

  test('is asked for its scope and service, with what belongs to the realm and nothing else', async () => {
    await ask(registry.host, { secret: password });
    await ask(registry.host, { secret: { kind: 'identity-token', token: 'refresh' } });
    const scope = 'repository:private/x:pull';
    expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toEqual({ tenant: '1', service: 'test', scope });
    expect(seen[1]?.url.search).toBe('?tenant=1');
    expect(seen[1]?.authorization).toBeUndefined();
    expect(Object.fromEntries(seen[1]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      client_id: 'componentd',
      refresh_token: 'refresh',
      service: 'test',
      scope,
    });
  });

  test('takes a ready token without a token server', async () => {
    const secret = { kind: 'registry-token', token: tokenFor('repository:private/x:pull') } as const;
    expect(await ask(registry.host, { secret })).toEqual(['image_not_found']);
    expect(seen).toEqual([]);
  });

  test('gets one token for many requests, and the next before it ends', async () => {
    expect(await ask(registry.host, { secret: password }, 3)).toEqual(Array(3).fill('image_not_found'));
    expect(seen).toHaveLength(1);
    // Ten seconds earlier than it says is already late.
    lifeSeconds = 1;
    const reference = parseReference(`${registry.host}/private/x:1`);
    const credentials = { find: async () => password };
    using slow = new Registry({ reference, credentials, hostsDirectory: folder, signal: new AbortController().signal });
    await slow.resolve().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1050));
    await slow.resolve().catch(() => {});
    expect(seen).toHaveLength(3);
  });

  test('that does not take the token is asked with one more, and no more', async () => {
    let given = 0;
    answer = (response, scope) => {
      given += 1;
      const expired = given === 1 ? { lasts: -3600 } : {};
      response.end(JSON.stringify({ token: tokenFor(scope, expired) }));
    };
    expect(await ask(registry.host, { secret: password })).toEqual(['image_not_found']);
    expect(given).toBe(2);
    answer = (response) => {
      given += 1;
      response.end(JSON.stringify({ token: tokenFor('repository:other/x:pull') }));
    };
    given = 0;
    expect(await ask(registry.host, { secret: password })).toEqual(['registry_denied']);
    expect(given).toBe(2);
  });

  test.each([
    ['no JSON', '<html>', 200],
    ['no token', '{}', 200],
    ['a token that would break the header', '{"token":"a\\r\\nx-evil: 1"}', 200],
    ['a token without end', JSON.stringify({ token: 'x'.repeat(40_000) }), 200],
    ['more than anybody reads', ' '.repeat(1024 * 1024 + 1), 200],
    ['not found', '', 404],
  ])('whose token server answers with %s cannot be used', async (_what, body, status) => {
    answer = (response) => void response.writeHead(status).end(body);
    expect(await ask(registry.host, { secret: password })).toEqual(['no_token']);
    expect(seen).toHaveLength(1);
  });

  test('whose token server is busy is asked again when it says so', async () => {
    const troubles = [503, 429];
    answer = (response, scope) => {
      const status = troubles.shift();
      if (status === undefined) good(response, scope);
      else response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end();
    };
    const started = performance.now();
    expect(await ask(registry.host, { secret: password })).toEqual(['image_not_found']);
    expect(seen).toHaveLength(3);
    expect(performance.now() - started).toBeGreaterThan(1000);
  });

  test('whose token server redirects is not sent an identity token there, and a password nowhere else', async () => {
    const elsewhere: IncomingMessage[] = [];
    const other = createServer((request, response) => {
      elsewhere.push(request);
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    answer = (response) => void response.writeHead(307, { location }).end();
    try {
      const secret = { kind: 'identity-token', token: 'refresh' } as const;
      expect(await ask(registry.host, { secret })).toEqual(['redirect_refused']);
      expect(elsewhere).toEqual([]);
      expect(await ask(registry.host, { secret: password })).toEqual(['registry_denied']);
      expect(elsewhere.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    } finally {
      other.closeAllConnections();
      other.close();
    }
  });
});
