import fc from 'fast-check';
import { expect, it } from 'vitest';
import { imageLimitsOf } from '../../../src/base/image-limits.ts';
import { nothingTaken, overLimit, type Room } from '../../../src/image/unpack-limits.ts';
import { type Look, pauseUntilNext } from '../../../src/image/watch.ts';

const roomOf = (settings: Parameters<typeof imageLimitsOf>[0], below = nothingTaken): Room => ({
  limits: imageLimitsOf(settings),
  below,
});
const look = (bytes: number, endedMs: number, costMs = 1, files = 2): Look => ({
  usage: { bytes, files },
  beganMs: endedMs - costMs,
  endedMs,
});

it.each([
  ['one layer', { bytes: 2 ** 20 + 1, files: 1 }, nothingTaken, 'a layer of it unpacks to more than 1048576 bytes'],
  ['the layers below it', { bytes: 2 ** 20, files: 1 }, { bytes: 2 ** 20 + 1, files: 0 }, '2097152 bytes together'],
  ['files', { bytes: 0, files: 11 }, nothingTaken, 'more than 10 files'],
  ['files below it', { bytes: 0, files: 10 }, { bytes: 0, files: 11 }, '20 files together'],
])('a limit is exceeded by %s', (_what, layer, below, says) => {
  const room = roomOf({ layerSize: '1m', imageSize: '2m', layerFiles: 10, imageFiles: 20 }, below);
  const error = overLimit('x', room, layer);
  expect(error).toMatchObject({ class: 'user', reason: 'quota', hint: expect.stringContaining('images.limits.') });
  expect(error?.message).toContain(says);
  expect(
    overLimit('x', room, { bytes: Math.min(layer.bytes, 2 ** 20 - 1), files: Math.min(layer.files, 9) }),
  ).toBeUndefined();
});

it('an ordinary layer is not looked at for seconds, one at its limit at once', () => {
  const start = look(0, 0, 0, 0);
  expect(pauseUntilNext(roomOf({}), start, start)).toBe(20_000);
  expect(pauseUntilNext(roomOf({ layerSize: '200m' }), start, start)).toBeLessThan(120);
  expect(pauseUntilNext(roomOf({ layerSize: '200m' }), start, look(200 * 2 ** 20 - 1, 100))).toBe(2);
});

it('one that costs much to look at is given a rest, unless it is about to exceed its limit', () => {
  const room = roomOf({ layerSize: '1g' });
  const [idle, close] = [look(2 ** 30 - 1000, 5000, 300), look(2 ** 30 - 100_000_000, 5000, 300)];
  expect(pauseUntilNext(room, look(2 ** 30 - 1000, 4000, 300), idle)).toBe(300);
  expect(pauseUntilNext(room, look(0, 4000, 300), close)).toBeLessThan(100);
});

it('no layer that grows as fast as can be is far over its limit when it is found out', () => {
  const sizes = fc.integer({ min: 50, max: 20_000 });
  const rates = fc.integer({ min: 1000, max: 2_000_000 });
  fc.assert(
    fc.property(sizes, rates, fc.double({ min: 0.1, max: 3, noNaN: true }), (mebibytes, bytesPerMs, costMs) => {
      const limit = mebibytes * 2 ** 20;
      const room = roomOf({ layerSize: `${mebibytes}m`, imageSize: '999g' });
      let before = look(0, 0, 0);
      let last = before;
      for (let looks = 0; looks < 100_000; looks += 1) {
        const beganMs = last.endedMs + pauseUntilNext(room, before, last);
        const endedMs = beganMs + costMs;
        before = last;
        last = { usage: { bytes: beganMs * bytesPerMs, files: 2 }, beganMs, endedMs };
        if (last.usage.bytes > limit) break;
      }
      // What is written until the answer is here comes on top.
      const written = last.endedMs * bytesPerMs;
      expect(written - limit).toBeLessThanOrEqual(bytesPerMs * (2 * costMs + 2) + 1);
    }),
  );
});
