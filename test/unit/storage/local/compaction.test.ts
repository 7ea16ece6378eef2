import fc from 'fast-check';
import { expect, test } from 'vitest';
import { segmentsToCompact } from '../../../../src/storage/local/compaction.ts';

test('few segments stay as they are', () => {
  expect(segmentsToCompact([])).toBeUndefined();
  expect(segmentsToCompact(Array.from({ length: 8 }, () => 1))).toBeUndefined();
});

test('small segments join, a large old one is spared', () => {
  expect(segmentsToCompact([1_000_000, 1, 1, 1, 1, 1, 1, 1, 1])).toBe(1);
  expect(segmentsToCompact([16, 8, 4, 4, 2, 1, 1, 1, 1])).toBe(0);
  expect(segmentsToCompact([1, 1, 1, 1, 1, 1, 1, 1, 1_000_000])).toBe(0);
});

test('never do more than eight remain, and something is always merged', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 9, maxLength: 40 }), (rows) => {
      const from = segmentsToCompact(rows) ?? Number.NaN;
      expect(from).toBeLessThan(8);
      expect(from).toBeLessThan(rows.length - 1);
    }),
  );
});

test('a thousand appends of one row rewrite each row a few times only', () => {
  let segments: number[] = [];
  let written = 0;
  for (let load = 0; load < 1000; load += 1) {
    segments.push(1);
    const from = segmentsToCompact(segments);
    if (from === undefined) continue;
    const merged = segments.slice(from).reduce((sum, rows) => sum + rows, 0);
    written += merged;
    segments = [...segments.slice(0, from), merged];
  }
  expect(segments.length).toBeLessThanOrEqual(8);
  expect(written / 1000).toBeLessThan(30);
});
