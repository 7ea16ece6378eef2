import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LastLines, lastLinesKept } from '../../../src/job/last-lines.ts';

test('keeps the last lines of both streams in their order, without empty ones', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('stdout', 'stderr'), fc.constantFrom('', ' ', 'a', 'bc'))),
      (lines) => {
        const last = new LastLines();
        for (const [stream, message] of lines) last.add(stream as 'stdout', message);
        const printed = lines.filter(([, message]) => message.trim() !== '');
        expect(last.list()).toEqual(printed.slice(-lastLinesKept).map(([stream, message]) => ({ stream, message })));
      },
    ),
  );
});

test('cuts what is long, between characters', () => {
  const last = new LastLines();
  last.add('stdout', 'x'.repeat(500));
  last.add('stdout', `${'x'.repeat(499)}😀`);
  const [whole, cut] = last.list().map(({ message }) => message);
  expect(whole).toBe('x'.repeat(500));
  expect(cut).toMatch(/^x{499}.?…$/u);
  expect(cut?.isWellFormed()).toBe(true);
});
