import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { apiHost, isLoopbackHost, parseReference } from '../../../src/image/reference.ts';

const hex = 'a'.repeat(64);

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['foo:5000', 'docker.io/library/foo:5000'],
    ['keboola/processor', 'docker.io/keboola/processor:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/a/b:c', 'docker.io/a/b:c'],
    ['quay.io/a/b/c:1', 'quay.io/a/b/c:1'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/x', 'localhost:5000/x:latest'],
    ['Registry/x', 'Registry/x:latest'],
    ['127.0.0.1:5000/demo/x:1', '127.0.0.1:5000/demo/x:1'],
    ['[::1]:5000/x:1', '[::1]:5000/x:1'],
    ['localhost', 'docker.io/library/localhost:latest'],
    ['localhost:5000', 'docker.io/library/localhost:5000'],
    ['docker.io', 'docker.io/library/docker.io:latest'],
    ['quay.io:443/x', 'quay.io:443/x:latest'],
    ['docker.io:443/x', 'docker.io:443/x:latest'],
    ['docker.io/library/busybox', 'docker.io/library/busybox:latest'],
    ['[2001:db8::1]/a/b', '[2001:db8::1]/a/b:latest'],
    ['xn--q-0ga.example/x', 'xn--q-0ga.example/x:latest'],
    ['a---b/c:V_1.0-x', 'docker.io/a---b/c:V_1.0-x'],
    ['a/b/c/d/e/f', 'docker.io/a/b/c/d/e/f:latest'],
    [`x@sha384:${'b'.repeat(96)}`, `docker.io/library/x@sha384:${'b'.repeat(96)}`],
    [`x@sha512:${'b'.repeat(128)}`, `docker.io/library/x@sha512:${'b'.repeat(128)}`],
    [`localhost:5000/a/b:1@sha256:${hex}`, `localhost:5000/a/b@sha256:${hex}`],
    [`${'a'.repeat(237)}`, `docker.io/library/${'a'.repeat(237)}:latest`],
    [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`],
    [`busybox@sha256:${hex}`, `docker.io/library/busybox@sha256:${hex}`],
    [`busybox:1@sha256:${hex}`, `docker.io/library/busybox@sha256:${hex}`],
    ['a__b/c--d.e_f', 'docker.io/a__b/c--d.e_f:latest'],
  ])('reads %s as %s', (text, name) => {
    expect(parseReference(text).name).toBe(name);
  });

  it('keeps the tag beside a digest for display', () => {
    expect(parseReference(`x/y:1@sha256:${hex}`)).toEqual({
      domain: 'docker.io',
      path: 'x/y',
      tag: '1',
      digest: `sha256:${hex}`,
      name: `docker.io/x/y@sha256:${hex}`,
    });
  });

  it.each([
    ['', 'empty'],
    [hex, 'image id'],
    ['https://quay.io/x', 'scheme'],
    ['Busybox', 'lowercase'],
    ['a/B', 'lowercase'],
    ['a//b', 'character'],
    ['a/b/', 'character'],
    ['/a', 'character'],
    ['a...b', 'character'],
    ['a:', 'tag'],
    ['a:b:c', 'tag'],
    [`a:${'t'.repeat(129)}`, 'tag'],
    ['a:-x', 'tag'],
    ['a@sha256:abc', 'digest'],
    [`a@sha256:${hex.toUpperCase()}`, 'digest'],
    [`a@sha512:${hex}`, 'digest'],
    ['host-.io/x', 'registry'],
    ['quay.io:port/x', 'registry'],
    ['quay.io:99999/x', 'registry'],
    ['[:::::]/x', 'registry'],
    ['a b', 'character'],
    ['a\nb', 'character'],
    ['quay.io/../etc', 'character'],
    ['x/'.repeat(200), '255'],
    ['x'.repeat(2000), 'longer'],
    [`sha256:${hex}`, 'digest without a repository'],
    [`@sha256:${hex}`, 'digest without a repository'],
    [`quay.io/@sha256:${hex}`, 'character'],
    [`a@sha256:${hex}@sha256:${hex}`, 'digest'],
    [`a@md5:${hex}`, 'digest'],
    [`a@sha256:${hex}:latest`, 'digest'],
    ['docker.io/', 'character'],
    ['index.docker.io/', 'character'],
    [':5000', 'character'],
    [':5000/x', 'registry'],
    ['quay.io:/x', 'registry'],
    ['127.1/x', 'registry'],
    ['0x7f.1/x', 'registry'],
    ['0177.0.0.1/x', 'registry'],
    ['2130706433:80/x', 'registry'],
    ['256.0.0.1/x', 'registry'],
    ['::1/x', 'registry'],
    ['[fe80::1%25eth0]/x', 'registry'],
    ['[127.0.0.1]/x', 'registry'],
    ['user@quay.io/x', 'digest'],
    ['user:pw@quay.io/x', 'digest'],
    ['quay.io./x', 'registry'],
    ['quäy.io/x', 'registry'],
    ['quay.io/x?y=1', 'character'],
    ['quay.io/x#y', 'character'],
    ['quay.io/%2e%2e/x', 'character'],
    ['a/b\0', 'character'],
    ['a_/b', 'character'],
    ['a__b___c', 'character'],
    ['a..b', 'character'],
    ['-a', 'character'],
  ])('refuses %j', (text, problem) => {
    expect(() => parseReference(text)).toThrow(UserError);
    expect(() => parseReference(text)).toThrow(problem === '255' ? /255|character/ : problem);
  });

  const part = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const component = fc
    .array(fc.tuple(part, fc.constantFrom('.', '_', '__', '-', '---')), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([text, glue], index) => (index === 0 ? text : glue + text)).join(''));
  const label = fc
    .stringMatching(/^[a-zA-Z]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?$/)
    .filter((text) => !text.startsWith('xn--'));
  const port = fc.integer({ min: 1, max: 65_535 }).map((number) => `:${number}`);
  const named = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
  const single = fc.tuple(label, port).map(([host, number]) => host + number);
  const host = fc.oneof(
    named,
    fc.constant('localhost'),
    fc.ipV4(),
    fc
      .ipV6()
      .filter((text) => !text.includes('.'))
      .map((text) => `[${text}]`),
  );
  const domain = fc.oneof(
    single,
    fc.tuple(host, fc.option(port, { nil: '' })).map(([text, number]) => text + number),
  );
  const path = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/);
  const hexOf = (length: number) => fc.stringMatching(new RegExp(`^[a-f0-9]{${length}}$`));
  const digest = fc.oneof(
    ...(
      [
        ['sha256', 64],
        ['sha384', 96],
        ['sha512', 128],
      ] as const
    ).map(([name, length]) => hexOf(length).map((digits) => `${name}:${digits}`)),
  );
  const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const ending = (named: string | undefined, exact: string | undefined) =>
    `${named === undefined ? '' : `:${named}`}${exact === undefined ? '' : `@${exact}`}`;

  it('takes a full reference apart into what it was put together from, and back', () => {
    fc.assert(
      fc.property(domain, path, option(tag), option(digest), (domain, path, tag, digest) => {
        const once = parseReference(`${domain}/${path}${ending(tag, digest)}`);
        const hub = domain === 'docker.io' && !path.includes('/') ? 'library/' : '';
        expect(once).toMatchObject({ domain, path: hub + path });
        expect(once.digest).toBe(digest);
        expect(once.tag).toBe(digest === undefined ? (tag ?? 'latest') : tag);
        expect(once.name).toBe(`${domain}/${hub}${path}${ending(digest === undefined ? once.tag : undefined, digest)}`);
        const { tag: shown, ...rest } = once;
        expect(parseReference(once.name)).toEqual(digest === undefined ? once : rest);
        expect(shown).toBe(once.tag);
      }),
    );
  });

  it('never takes a name without a slash, or a first part without dot, colon or capital, for a registry', () => {
    fc.assert(
      fc.property(component, option(fc.oneof(tag, fc.nat(65_535).map(String))), option(digest), (name, tag, digest) => {
        fc.pre(digest !== undefined || !/^(?:[a-f0-9]{64})$/.test(name));
        expect(parseReference(`${name}${ending(tag, digest)}`)).toMatchObject({
          domain: 'docker.io',
          path: `library/${name}`,
        });
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]+([_-][a-z0-9]+)*$/), path, option(tag), (first, path, tag) => {
        fc.pre(first !== 'localhost');
        expect(parseReference(`${first}/${path}${ending(tag, undefined)}`)).toMatchObject({
          domain: 'docker.io',
          path: `${first}/${path}`,
        });
      }),
    );
  });

  it('connects to the host that it names: no other spelling of an address gets through', () => {
    const number = fc.oneof(
      fc.nat().map(String),
      fc.nat(0xffffffff).map((value) => `0x${value.toString(16)}`),
      fc.nat(0o777).map((value) => `0${value.toString(8)}`),
    );
    const spelling = fc.array(number, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join('.')}:80`);
    fc.assert(
      fc.property(fc.oneof(spelling, domain), (host) => {
        let domain: string;
        try {
          ({ domain } = parseReference(`${host}/x/y`));
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          return;
        }
        const { hostname } = new URL(`https://${domain}`);
        if (!domain.startsWith('['))
          expect(domain.toLowerCase()).toMatch(new RegExp(`^${RegExp.escape(hostname)}(:\\d+)?$`));
      }),
      { numRuns: 300 },
    );
  });

  it('answers or throws a UserError for any text, and never lets a name escape its grammar', () => {
    const pieces = fc.constantFrom(
      'a',
      'B',
      ':',
      '/',
      '@',
      '.',
      '-',
      '_',
      '5',
      '[',
      ']',
      '%',
      '\0',
      ' ',
      `sha256:${hex}`,
      '127.0.0.1',
      'é',
      '//',
      '..',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (text) => {
          try {
            const once = parseReference(text);
            expect(once.name).toMatch(/^[A-Za-z0-9.:[\]-]+\/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+|@sha\d+:[a-f0-9]+)$/);
            expect(once.name.length).toBeLessThan(600);
            expect(`/${once.path}/`).not.toMatch(/\/\.{0,2}\//);
            expect(parseReference(once.name).name).toBe(once.name);
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('hosts', () => {
  it('sends Docker Hub to its API host and leaves others as written', () => {
    expect(apiHost('docker.io')).toBe('registry-1.docker.io');
    expect(apiHost('quay.io')).toBe('quay.io');
  });

  it.each([
    ['localhost', true],
    ['LOCALHOST:5000', true],
    ['127.0.0.1:5000', true],
    ['127.8.9.1', true],
    ['[::1]:5000', true],
    ['127.evil.example', false],
    ['localhost.example', false],
    ['10.0.0.1:5000', false],
    ['quay.io', false],
  ])('%s is loopback: %s', (text, loopback) => {
    expect(isLoopbackHost(text)).toBe(loopback);
  });
});
