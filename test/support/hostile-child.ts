import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { parseReference } from '../../src/image/reference.ts';
import { Registry } from '../../src/image/registry/registry.ts';
import { Transport } from '../../src/image/registry/transport.ts';
import {
  type Handler,
  listen,
  listenEverywhere,
  names,
  outcome,
  registryAddress,
  state,
  storageAddress,
} from './hostile-net.ts';

/**
 * Runs in a network and mount namespace of its own, where `hosts` is `/etc/hosts` and every address below is on `lo`: a registry and a
 * storage at public addresses, and victims that no registry may make us talk to. Prints what became of each trick as a line of JSON.
 * Arguments: hosts, key, certificate.
 */
const [hosts = '', key = '', certificate = ''] = process.argv.slice(2);
const tls = { key: readFileSync(key), cert: readFileSync(certificate) };
const digest = `sha256:${'a'.repeat(64)}`;

const secrets = {
  password: { kind: 'password', username: 'user', password: 'canary-password' },
  'refresh token': { kind: 'identity-token', token: 'canary-token' },
} as const;

const open = (credentials: boolean, secret: keyof typeof secrets = 'password') =>
  new Registry({
    reference: parseReference('registry.example/x/y:1'),
    credentials: credentials ? { find: async () => secrets[secret] } : undefined,
    hostsDirectory: '/nonexistent',
    signal: new AbortController().signal,
  });

const challenge = (realm: string): Handler => {
  return ({ headers }, response) => {
    if (headers.authorization === 'Bearer bearer-token') serve(response);
    else
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s",scope="repository:x/y:pull"` })
        .end();
  };
};

function serve(response: Parameters<Handler>[1]): void {
  const type = 'application/vnd.oci.image.manifest.v1+json';
  response.writeHead(200, { 'content-type': type, 'content-length': 10, 'docker-content-digest': digest }).end();
}

async function drainBlob(registry: Registry): Promise<void> {
  for await (const chunk of await registry.blob(digest, 0)) if (chunk.length > 1e9) return;
}

/** The registry asks for a token at `realm`. */
async function tryRealm(realm: string, credentials: boolean): Promise<void> {
  await outcome(`realm ${realm}${credentials ? '' : ' anonymously'}`, async () => {
    state.registry = challenge(realm);
    using registry = open(credentials);
    await registry.resolve();
  });
}

/** The registry, which has been given the password already, redirects what is asked for. */
async function tryRedirect(kind: 'manifest' | 'blob', location: string): Promise<void> {
  await outcome(`${kind} to ${location}`, async () => {
    state.registry = ({ headers }, response) => {
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else response.writeHead(307, { location, 'set-cookie': 'session=canary; Path=/; Domain=example' }).end();
    };
    using registry = open(true);
    await (kind === 'manifest' ? registry.resolve() : drainBlob(registry));
  });
}

const disguises = [
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '169.254.43518',
  '169.254.169.254.',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::1]',
  '[fd00:ec2::254]',
  '[::1]',
  '[::]',
  '0',
  '127.1',
  '10.1.2.3',
  '10.1.2.3:8080',
  '192.168.5.5',
  'localhost',
  'inside.example',
  'metadata.example',
  'both.example',
];

async function tricks(): Promise<void> {
  for (const host of disguises) {
    await tryRealm(`https://${host}/token`, false);
    await tryRedirect('blob', `https://${host}/latest/meta-data`);
  }
  await tryRedirect('manifest', 'https://169.254.169.254/latest');
  await tryRedirect('manifest', 'https://inside.example/');
  for (const realm of [
    'https://169.254.169.254/token',
    'https://other.example/token',
    'https://user:pw@other.example/token',
  ])
    await tryRealm(realm, true);
  for (const realm of [
    'http://registry.example/token',
    'http://169.254.169.254/token',
    'file:///etc/passwd',
    'nonsense',
    '',
  ])
    await tryRealm(realm, true);
  await tryRealm('https://other.example/token', false);
  for (const location of [
    'https://storage.example/blob?signature=kept',
    'https://someone:else@storage.example/blob',
    'http://storage.example/blob',
    'http://registry.example/blob',
    'http://169.254.169.254/latest',
    'http://127.0.0.1:8080/',
    'ftp://storage.example/',
    'file:///etc/passwd',
    'javascript:1',
    'https://',
    '//inside.example/x',
    '/same/again',
  ])
    await tryRedirect('blob', location);

  await outcome('a token goes to the registry only', async () => {
    state.registry = (request, response) => {
      if (request.headers.authorization === undefined)
        challenge('https://auth.registry.example/token')(request, response);
      else if (request.url?.startsWith('/token')) response.end('{"token":"bearer-token"}');
      else response.writeHead(302, { location: 'https://storage.example/blob' }).end();
    };
    using registry = open(true);
    await drainBlob(registry);
  });

  for (const secret of ['password', 'refresh token'] as const) {
    await outcome(`a token server that leads the ${secret} elsewhere`, async () => {
      state.registry = (request, response) => {
        if (request.url?.startsWith('/token'))
          response.writeHead(307, { location: 'https://storage.example/token' }).end();
        else challenge('https://auth.registry.example/token')(request, response);
      };
      using registry = open(true, secret);
      await registry.resolve();
    });
  }

  await outcome('the storage asks for credentials itself', async () => {
    state.registry = (_request, response) => response.writeHead(302, { location: 'https://other.example/401' }).end();
    using registry = open(true);
    await drainBlob(registry);
  });

  await outcome('a name that leads elsewhere the second time', async () => {
    state.registry = (_request, response) =>
      response.writeHead(302, { location: 'https://turning.example/blob' }).end();
    appendFileSync(hosts, `${storageAddress} turning.example\n`);
    using registry = open(false);
    await drainBlob(registry);
    writeFileSync(hosts, `${names}169.254.169.254 turning.example\n`);
    await drainBlob(registry);
  });

  await outcome('links and cookies', async () => {
    state.registry = (_request, response) => {
      response.setHeader('set-cookie', 'session=canary');
      response.setHeader('link', '<https://inside.example/next>; rel="next"');
      serve(response);
    };
    using registry = open(false);
    await registry.resolve();
    await registry.resolve();
  });

  await outcome('a scope of everything, at length', async () => {
    state.registry = (_request, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="https://other.example/${'x'.repeat(7000)}` }).end();
    using registry = open(true);
    await registry.resolve();
  });

  await outcome('a manifest in tiny pieces', async () => {
    state.registry = ({ method }, response) => {
      if (method === 'HEAD') return void response.writeHead(405).end();
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      const piece = Buffer.from('8\r\n        \r\n'.repeat(5_000));
      const socket = response.socket as Socket;
      response.write(' ');
      const more = (): void => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', more);
      more();
    };
    using registry = open(false);
    await registry.resolve();
  });
}

/** What a server sends on its raw connections, and with what it goes on sending every few milliseconds. */
async function floods(): Promise<void> {
  const head = 'HTTP/1.1 200 OK\r\n';
  const endless: readonly (readonly [string, string, string, number])[] = [
    ['headers that trickle', head, 'x-a: b\r\n', 100],
    ['headers without end', head, `x-a: ${'b'.repeat(4000)}\r\n`, 0],
    ['one header without end', `${head}x-a: `, 'b'.repeat(4000), 0],
    ['answers that are none', '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100), 0],
    ['a status line without end', 'HTTP/1.1 200 ', 'O'.repeat(4000), 0],
    ['nothing', '', '', 0],
  ];
  for (const [index, [trick, first, rest, everyMs]] of endless.entries()) {
    const port = 5000 + index;
    const server = createTls(tls, (socket) => {
      socket.on('error', () => {});
      socket.write(first);
      const again = (): void => {
        if (socket.destroyed || rest === '') return;
        if (everyMs > 0) setTimeout(() => socket.write(rest, again), everyMs);
        else socket.write(rest, () => setImmediate(again));
      };
      again();
    });
    await listen(server, port, registryAddress);
    await outcome(trick, () => ask(new URL(`https://registry.example:${port}/v2/`), false));
  }
}

async function ask(url: URL, isConfigured: boolean): Promise<void> {
  const settings = {
    origin: new URL('/', url),
    root: '/v2',
    pull: true,
    resolve: true,
    headers: {},
    tls: { authorities: [], identities: [], skipVerify: false },
    connectTimeoutMs: 1000,
    isConfigured,
    file: '',
  };
  using transport = new Transport(settings);
  const { signal } = new AbortController();
  await transport.request({ url, method: 'GET', headers: {}, signal, timeoutMs: 1000 });
}

writeFileSync(hosts, names);
await listenEverywhere(tls);
await tricks();
await floods();
await outcome('control', () => ask(new URL('https://169.254.169.254/v2/'), true));
// A connection that a victim got must have been seen by now.
connect(443, registryAddress).on('connect', () => process.exit(0));
