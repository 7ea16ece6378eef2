import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ulid, ulidPattern, ulidTime } from '../../../src/base/ids.ts';

describe('a ULID', () => {
  test('tells when it was made', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (time) => {
        const id = ulid(time);
        expect(id).toMatch(ulidPattern);
        expect(ulidTime(id)).toBe(time);
      }),
    );
  });
});
