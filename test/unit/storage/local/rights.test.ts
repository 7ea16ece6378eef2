import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../../../src/base/errors.ts';
import type { Need } from '../../../../src/job/storage.ts';
import { assertPatterns, covers, levels, noRights, type Rights } from '../../../../src/storage/local/rights.ts';

const bucket = (id: string, to: 'read' | 'write'): Need => ({ on: 'bucket', bucket: id, to });

describe('buckets', () => {
  const rights: Rights = {
    ...noRights,
    buckets: { '*': 'read', 'in.*': 'none', 'in.c-shop*': 'write', 'in.c-shop-secret': 'none', 'out.c-x': 'write' },
  };
  test.each([
    ['out.c-any', 'read', true],
    ['out.c-any', 'write', false],
    ['in.c-other', 'read', false],
    ['in.c-shop', 'write', true],
    ['in.c-shop-2', 'read', true],
    ['in.c-shop-secret', 'read', false],
    ['in.c-shop-secret2', 'write', true],
    ['out.c-x', 'write', true],
    ['out.c-x2', 'write', false],
    ['__proto__', 'write', false],
    ['', 'read', true],
  ] as const)('%s, to %s: %s', (id, to, expected) => {
    expect(covers(rights, bucket(id, to))).toBe(expected);
  });

  test('are none without a pattern that fits, and a pattern never fits in the middle', () => {
    expect(covers(noRights, bucket('in.c-shop', 'read'))).toBe(false);
    expect(covers({ ...noRights, buckets: { 'c-shop*': 'write' } }, bucket('in.c-shop', 'read'))).toBe(false);
  });

  test('are decided by the pattern that says most, in whatever order they were given', () => {
    const letter = fc.constantFrom('a', 'b');
    const id = fc.array(letter, { minLength: 1, maxLength: 4 }).map((letters) => `in.c-${letters.join('')}`);
    const pattern = fc.oneof(
      id,
      id.map((text) => `${text}*`),
      fc.constantFrom('*', 'in.*'),
    );
    const entries = fc.uniqueArray(fc.tuple(pattern, fc.constantFrom(...levels.bucket)), { selector: ([key]) => key });
    fc.assert(
      fc.property(entries, id, (given, wanted) => {
        const fits = given.filter(
          ([key]) => key === wanted || (key.endsWith('*') && wanted.startsWith(key.slice(0, -1))),
        );
        const score = (key: string): number => (key === wanted ? 1000 : key.length);
        const [, level] = fits.toSorted(([one], [other]) => score(other) - score(one))[0] ?? ['', 'none'];
        for (const order of [given, given.toReversed()]) {
          const held: Rights = { ...noRights, buckets: Object.fromEntries(order) };
          expect(covers(held, bucket(wanted, 'read'))).toBe(level !== 'none');
          expect(covers(held, bucket(wanted, 'write'))).toBe(level === 'write');
        }
      }),
    );
  });
});

test('a higher level holds the lower ones, and an unknown one holds nothing', () => {
  for (const on of ['components', 'configurations', 'files', 'tokens'] as const) {
    for (const [height, held] of levels[on].entries()) {
      for (const [depth, to] of levels[on].entries()) {
        expect(covers({ ...noRights, [on]: held }, { on, to } as Need)).toBe(depth <= height);
      }
    }
    expect(covers({ ...noRights, [on]: 'everything' } as never, { on, to: levels[on][1] } as Need)).toBe(false);
  }
  expect(covers({ ...noRights, components: 'write' }, { on: 'components', to: 'admin' as never })).toBe(false);
});

test.each(['*', 'in.*', 'in.c-shop', 'out.c-sales-*', 'sys.anything'])('%s names buckets', (pattern) => {
  assertPatterns({ [pattern]: 'read' });
});

test.each(['', 'in', 'in.', 'x.*', 'in.c-a.b', 'in.*.b', '**', 'in.c-ä', 'in.c-a\n', '__proto__', 'i*'])(
  '%j names none',
  (pattern) => {
    expect(() => assertPatterns(Object.fromEntries([[pattern, 'read' as const]]))).toThrow(UserError);
  },
);

test('every pattern that names none is told', () => {
  expect(() => assertPatterns({ foo: 'read', 'in.c-a': 'read', bar: 'write' })).toThrow(/"foo".*"bar"/);
});
