import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  formatTable,
  neutralise,
  textWidth,
  truncate,
} from '../../../src/sinks/format.ts';

describe('format', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [9950, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [150_000_000, '150 MB'],
    [2_500_000_000, '2.5 GB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0, '0 ms'],
    [350, '350 ms'],
    [999.6, '1.0 s'],
    [4200, '4.2 s'],
    [59_949, '59.9 s'],
    [59_960, '1 min 00 s'],
    [185_000, '3 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [7_620_000, '2 h 07 min'],
    [90_000_000, '25 h 00 min'],
  ])('writes %d ms as %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

  it.each([
    ['abc', 3],
    ['žluť', 4],
    ['e\u0301', 1],
    ['日本', 4],
    ['🔑', 2],
    ['👩‍💻', 2],
  ])('counts the columns of %s', (text, width) => expect(textWidth(text)).toBe(width));

  it('cuts to a width and never past it', () => {
    expect(truncate('abcdef', 4)).toBe('abc…');
    expect(truncate('日本語', 4)).toBe('日…');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, width) => {
        expect(textWidth(truncate(text, width))).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('aligns tables', () => {
    expect(
      formatTable(
        [
          ['a', '1', 'x'],
          ['日本', '22', ''],
        ],
        { right: [1] },
      ),
    ).toBe('a      1  x\n日本  22');
    expect(formatTable([['abc', 'def']], { width: 6 })).toBe('abc  …');
    expect(formatTable([])).toBe('');
  });
});

describe('neutralise', () => {
  it.each([
    ['plain\ttext ž🔑', 'plain\ttext ž🔑'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b]0;title\x07after', 'after'],
    ['\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1b[2J\x1b[1;1Hcleared', 'cleared'],
    ['\x1bcreset', 'reset'],
    ['\x1b]52;c;open', '␛]52;c;open'],
    ['10%\r20%\x08\x00\x7f', '10%␍20%␈␀␡'],
    ['\x9b31m', '<U+009B>31m'],
    ['a\u202eb', 'a<U+202E>b'],
  ])('shows %j as %j', (text, shown) => expect(neutralise(text)).toBe(shown));

  it('leaves nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(
            fc.constantFrom('\x1b', '[', ']', '\x07', '\\', 'm', ';', '\x9d', 'P', '_'),
            fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
          ),
        }),
        (text) => {
          expect(neutralise(text)).not.toMatch(/[\0-\x08\n-\x1f\x7f-\x9f\u202a-\u202e]/);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
