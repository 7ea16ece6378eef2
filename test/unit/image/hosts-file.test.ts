import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/base/errors.ts';
import { parseDuration } from '../../../src/image/hosts/duration.ts';
import { parseHostsFile } from '../../../src/image/hosts/file.ts';

const read = (text: string) => parseHostsFile(text, '/certs.d/x/hosts.toml', '/certs.d/x');
const problems = async (text: string) =>
  (await read(text)).problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)).map(formatProblem);

describe('hosts.toml', () => {
  it('lists hosts in the order of the file, the server last, each with what it says of itself', async () => {
    const { hosts, problems: wrong } = await read(`
server = "https://registry-1.docker.io"   # last
ca = "upstream.pem"
capabilities = ["pull", "resolve"]

[host."https://z.example"]
  capabilities = ["Pull"]
  dial_timeout = "1m30s"
  [host."https://z.example".header]
    X-One = "a b"
    x-two = ["c", "d"]

[host."a.example:5000/some/path/"]
  ca = ["one.pem", "/etc/two.pem"]
  client = [["c.cert", "c.key"], ["both.pem", ""]]
[host."http://127.0.0.1:5000/api/v2"]
  skip_verify = true
[host."https://m.example/deep"]
  override_path = true
  client = "pair.pem"
`);
    expect(wrong).toEqual([]);
    expect(hosts.map(({ origin, root }) => `${origin?.origin}${root}`)).toEqual([
      'https://z.example/v2',
      'https://a.example:5000/some/path/v2',
      'http://127.0.0.1:5000/api/v2',
      'https://m.example/deep',
      'https://registry-1.docker.io/v2',
    ]);
    expect(hosts[0]).toMatchObject({
      capabilities: ['pull'],
      connectTimeoutMs: 90_000,
      headers: { 'x-one': ['a b'], 'x-two': ['c', 'd'] },
    });
    expect(hosts[1]).toMatchObject({
      authorities: ['/certs.d/x/one.pem', '/etc/two.pem'],
      clients: [
        { certificate: '/certs.d/x/c.cert', key: '/certs.d/x/c.key' },
        { certificate: '/certs.d/x/both.pem', key: '/certs.d/x/both.pem' },
      ],
      skipVerify: false,
    });
    expect(hosts[2]).toMatchObject({ skipVerify: true, connectTimeoutMs: undefined });
    expect(hosts[3]?.clients).toEqual([{ certificate: '/certs.d/x/pair.pem', key: '/certs.d/x/pair.pem' }]);
    expect(hosts[4]).toMatchObject({ capabilities: ['pull', 'resolve'], authorities: ['/certs.d/x/upstream.pem'] });
  });

  it('without a server ends with the registry itself, and means its API when it says docker.io', async () => {
    expect((await read('skip_verify = true')).hosts).toMatchObject([
      { origin: undefined, root: '/v2', skipVerify: true },
    ]);
    expect((await read('server = "https://docker.io"')).hosts[0]?.origin?.host).toBe('registry-1.docker.io');
    expect((await read('server = "https://docker.io"\noverride_path = true')).hosts[0]?.root).toBe('');
  });

  it('names every mistake at once, with its line', async () => {
    const wrong = await problems(`server = "ftp://x"
capabilites = ["pull"]
dial_timeout = "5"
[host."http://10.0.0.5:5000"]
skip_verify = "yes"
[host."https://u:p@m.example"]
ca = [
  "a",
  7,
]
client = [["a", "b", "c"]]
[host."https://n.example?x=1"]
capabilities = ["pull", "resolv"]
[host."https://n.example?x=1".header]
Host = "x"
"a b" = "c"
d = "e\\u0000"
[host.5000]
`);
    expect(wrong).toEqual([
      '/certs.d/x/hosts.toml:1: server: is not a URL of a host (write "https://…")',
      '/certs.d/x/hosts.toml:2: capabilites: is not known (did you mean capabilities?)',
      '/certs.d/x/hosts.toml:3: dial_timeout: must be a duration longer than 0 (write "500ms" or "1m30s")',
      '/certs.d/x/hosts.toml:4: host."http://10.0.0.5:5000": is plain http, which is spoken to this machine only (write https://, with its authority as ca)',
      '/certs.d/x/hosts.toml:5: host."http://10.0.0.5:5000".skip_verify: must be true or false',
      '/certs.d/x/hosts.toml:6: host."https://u:p@m.example": must not hold credentials',
      '/certs.d/x/hosts.toml:7: host."https://u:p@m.example".ca: must be a string or a list of strings',
      '/certs.d/x/hosts.toml:11: host."https://u:p@m.example".client: must be a file, a list of files, or a list of pairs [certificate, key]',
      '/certs.d/x/hosts.toml:12: host."https://n.example?x=1": must not have a query or a fragment',
      '/certs.d/x/hosts.toml:13: host."https://n.example?x=1".capabilities: has "resolv", which is none (did you mean resolve?)',
      '/certs.d/x/hosts.toml:15: host."https://n.example?x=1".header.Host: is not a header to be chosen',
      '/certs.d/x/hosts.toml:16: host."https://n.example?x=1".header."a b": is not a header: its name or its value has a character that none may have',
      '/certs.d/x/hosts.toml:17: host."https://n.example?x=1".header.d: is not a header: its name or its value has a character that none may have',
      '/certs.d/x/hosts.toml:18: host.5000: is a number and no host',
    ]);
  });

  it.each([
    ['a = 1\nb =', 'hosts.toml:2:4: '],
    ['host = 5', 'host: must be a table of hosts'],
    ['host.x = 5', 'host.x: must be a table'],
    ['[[host]]', 'host: must be a table of hosts'],
    ['server = 5', 'server: must be a URL'],
    ['server = ""', 'server: must be a URL'],
    ['server = "https://"', 'server: is not a URL'],
    ['header = "x"', 'header: must be a table'],
    ['proxy = "http://p"', 'proxy: is not supported'],
    ['[host."http://localhost:5000"]\nca = "x"', 'has certificates but is plain http'],
    ['[host."https://x"]\nserver = "y"', 'server: is not known'],
    ['[host."https://x".rewrite]\n"a" = "b"', 'rewrite: is not known'],
    ['dial_timeout = 5', 'dial_timeout: must be a duration'],
    ['d = 1979-05-27', 'd: is not known'],
  ])('refuses %j', async (text, words) => {
    const wrong = await problems(text);
    expect(wrong.join()).toContain(words);
    expect(wrong.join()).toMatch(/hosts.toml:\d/);
  });

  it('whatever it holds is understood or refused', async () => {
    const word = fc.constantFrom(
      'server',
      'host',
      'ca',
      'client',
      '"https://a"',
      '"http://127.0.0.1"',
      'header',
      '__proto__',
    );
    const token = fc.oneof(
      word,
      fc.constantFrom('=', '.', '[', ']', '{', '}', ',', '\n', '"', '"""', '1', 'true', '#', '\r\n'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.array(token).map((all) => all.join(' ')),
          fc.string(),
        ),
        async (text) => {
          const { hosts, problems: wrong } = await read(text);
          expect(hosts.length + wrong.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps the order and the lines of any hosts', async () => {
    const name = fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.integer({ min: 1, max: 65_535 }));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          name.map(([host, port]) => `https://${host}.example:${port}`),
          { minLength: 1 },
        ),
        async (names) => {
          const text = names.map((one) => `[host."${one}"]\nca = [\n "a.pem"]\nbad = 1\n# ${one}\n`).join('');
          const { hosts, problems: wrong } = await read(text);
          expect(hosts.slice(0, -1).map(({ path }) => path[1])).toEqual(names);
          expect(wrong.map(({ line }) => line)).toEqual(names.map((_, index) => 5 * index + 4));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a duration', () => {
  it.each([
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['500ms', 500],
    ['.5s', 500],
    ['2us', 0.002],
    ['+1s', 1000],
    ['1h0m0.5s', 3_600_500],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 6);
  });

  it.each(['', '5', '0', '0s', '-1s', '1 s', '1d', 's', '1s1', '1.s.', 'Infinity', `${'1s'.repeat(40)}`])(
    '%s is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('has any number of parts', () => {
    const part = fc.tuple(
      fc.integer({ min: 1, max: 999 }),
      fc.constantFrom(['ms', 1], ['s', 1e3], ['m', 6e4], ['h', 36e5]),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const text = parts.map(([count, [unit]]) => `${count}${unit}`).join('');
        const ms = parts.reduce((sum, [count, [, each]]) => sum + count * Number(each), 0);
        expect(parseDuration(text)).toBe(ms);
      }),
    );
  });
});
