import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromPlain, parseJson } from '../../../../src/base/json.ts';
import type { BuildParameter } from '../../../../src/job/build/definition.ts';
import { fillIn, insertionOf, placeholdersOf } from '../../../../src/job/build/values.ts';

const parameter = (type: BuildParameter['type'], values: readonly string[] = [], name = 'p'): BuildParameter => ({
  name,
  type,
  required: true,
  values,
});

describe('a value is inserted as its type says (fact 114)', () => {
  test.each<[BuildParameter['type'], string, string]>([
    ['integer', '42', '42'],
    ['integer', '"12abc"', '12'],
    ['integer', '"abc"', '0'],
    ['integer', '-7.9', '-7'],
    ['integer', '1e3', '1000'],
    ['integer', '1e999', '0'],
    ['integer', 'true', '1'],
    ['string', '"a b; c"', 'a b; c'],
    ['string', '1.0', '1.0'],
    ['string', 'false', ''],
    ['argument', '"it\'s"', `'it'\\''s'`],
    ['plain_string', '"v1.0_a-B"', 'v1.0_a-B'],
    ['enumeration', '"two"', 'two'],
  ])('%s %s', (type, value, text) => {
    expect(insertionOf(parameter(type, ['one', 'two']), parseJson(value))).toEqual({ text });
  });

  test.each<[BuildParameter['type'], unknown]>([
    ['plain_string', 'a b'],
    ['plain_string', ''],
    ['plain_string', 'a\n'],
    ['enumeration', 'three'],
    ['string', ['a']],
    ['integer', {}],
  ])('%s refuses %j by name', (type, value) => {
    expect(insertionOf(parameter(type, ['one']), fromPlain(value))).toEqual({
      problem: expect.objectContaining({ path: 'p', message: expect.stringContaining('"p"') }),
    });
  });

  test('a secret is never told', () => {
    const refused = insertionOf(parameter('plain_string', [], '#p'), 'se cret');
    expect(JSON.stringify(refused)).not.toContain('se cret');
  });

  test('an argument is one word for a shell, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
        (value) => {
          const insertion = insertionOf(parameter('argument'), value);
          const script = `printf %s ${'text' in insertion ? insertion.text : ''}`;
          expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(value);
        },
      ),
      { numRuns: 30 },
    );
  });
});

test('placeholders are filled in once, and others are named', () => {
  const text = '{{a}} {{#b}} {{ a }} {{c_d-1}} {{}}';
  expect(placeholdersOf(text)).toEqual(['a', '#b', 'c_d-1']);
  expect(
    fillIn(
      text,
      new Map([
        ['a', '{{#b}}'],
        ['#b', '$&'],
      ]),
    ),
  ).toBe('{{#b}} $& {{ a }} {{c_d-1}} {{}}');
});
