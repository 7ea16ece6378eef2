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
  ])('refuses %j', (text, problem) => {
    expect(() => parseReference(text)).toThrow(UserError);
    expect(() => parseReference(text)).toThrow(problem === '255' ? /255|character/ : problem);
  });

  const component = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,8})?$/);
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
  const domain = fc.constantFrom('docker.io', 'quay.io', 'localhost:5000', '127.0.0.1:80', 'Up', 'a.b-c.d:1');

  it('is idempotent: a normalised name reads as itself', () => {
    fc.assert(
      fc.property(
        domain,
        fc.array(component, { minLength: 1, maxLength: 4 }),
        fc.option(tag, { nil: undefined }),
        (host, path, named) => {
          const once = parseReference(`${host}/${path.join('/')}${named === undefined ? '' : `:${named}`}`);
          expect(parseReference(once.name)).toEqual(once);
        },
      ),
    );
  });

  it('answers or throws a UserError for any text, and never lets a name escape its grammar', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', 'B', ':', '/', '@', '.', '-', '_', '5') })),
        (text) => {
          try {
            expect(parseReference(text).name).toMatch(
              /^[A-Za-z0-9.:[\]-]+\/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+|@sha\d+:[a-f0-9]+)$/,
            );
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
          }
        },
      ),
      { numRuns: 500 },
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
