import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseChallenges } from '../../../src/image/registry/challenge.ts';

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);

it.each([
  ['Basic', [['basic', {}]]],
  ['Basic realm="a b"', [['basic', { realm: 'a b' }]]],
  [
    'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
    [['bearer', { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' }]],
  ],
  ['BEARER Realm = "x" , SERVICE = y', [['bearer', { realm: 'x', service: 'y' }]]],
  [
    'Basic realm="a", Bearer realm="b",service="c"',
    [
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b', service: 'c' }],
    ],
  ],
  [
    'Negotiate, Basic realm="a"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'a' }],
    ],
  ],
  [
    'Negotiate YWJj==, Basic realm="a"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'a' }],
    ],
  ],
  ['Basic realm="say \\"hi\\", all"', [['basic', { realm: 'say "hi", all' }]]],
  ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
  [
    'Bearer realm="open',
    [
      ['bearer', {}],
      ['realm', {}],
    ],
  ],
  ['', []],
  [',,, ,', []],
  ['"quoted"', []],
])('%s', (header, expected) => {
  expect(plain(header)).toEqual(expected);
});

it('ends on any input, in time that grows with its length', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '=', '"', '\\', ',', ' ', 'é', '\t') }), (header) => {
      for (const { scheme } of parseChallenges(header)) expect(scheme).toMatch(/^[a-z]+$/);
    }),
  );
  const started = performance.now();
  parseChallenges(`Bearer ${'a="\\"'.repeat(100_000)}`);
  parseChallenges('a, '.repeat(100_000));
  expect(performance.now() - started).toBeLessThan(1000);
});

it('reads back whatever a server may quote', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const quoted = value.replace(/["\\]/g, '\\$&');
      expect(plain(`Bearer realm="${quoted}"`)).toEqual([['bearer', { realm: value }]]);
    }),
  );
});
