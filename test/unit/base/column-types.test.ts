import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BaseType,
  baseTypeOf,
  baseTypes,
  canonicalValue,
  isSameType,
  lengthComplaint,
  typeText,
} from '../../../src/base/column-types.ts';

const cases: readonly { base: BaseType; length?: string; takes: Record<string, string>; refuses: readonly string[] }[] =
  [
    { base: 'STRING', takes: { ' a ': ' a ', NULL: 'NULL' }, refuses: [] },
    { base: 'STRING', length: '3', takes: { abc: 'abc', '💩💩💩': '💩💩💩' }, refuses: ['abcd', '💩💩💩💩'] },
    {
      base: 'INTEGER',
      takes: { '1': '1', '+007': '7', '-0': '0', '5.0': '5', ['9'.repeat(38)]: '9'.repeat(38) },
      refuses: ['', ' 1', '1e3', '1.5', 'x', '9'.repeat(39), '0x1f', '١', '1\n'],
    },
    {
      base: 'NUMERIC',
      takes: { '1.50': '1.5', '-0.00': '0', '.5': '0.5', '12345678901234567890.12': '12345678901234567890.12' },
      refuses: ['1,5', '1e2', '.', `${'9'.repeat(38)}.1`, 'NaN'],
    },
    {
      base: 'NUMERIC',
      length: '5,2',
      takes: { '1': '1.00', '-1.5': '-1.50', '999.99': '999.99', '1.500': '1.50', '-0.001': '' },
      refuses: ['1000', '1.555'],
    },
    {
      base: 'FLOAT',
      takes: { '1': '1', '1.50': '1.5', '1e3': '1000', '-.5': '-0.5', nan: 'NaN', '-inf': '-Infinity', '0.1': '0.1' },
      refuses: ['1e400', '0x10', '1_000', '', ' 1', '1d'],
    },
    { base: 'BOOLEAN', takes: { TRUE: 'true', '0': 'false', off: 'false', Y: 'true' }, refuses: ['2', 'wahr', ''] },
    {
      base: 'DATE',
      takes: { '2024-02-29': '2024-02-29' },
      refuses: ['2023-02-29', '1900-02-29', '24-01-01', '2024-1-1', '2024-13-01'],
    },
    {
      base: 'TIMESTAMP',
      takes: {
        '2024-02-29': '2024-02-29 00:00:00',
        '2024-01-01T10:20': '2024-01-01 10:20:00',
        '2024-01-01 10:20:30.500Z': '2024-01-01 10:20:30.5+00:00',
        '2024-01-01 10:20:30 +0130': '2024-01-01 10:20:30+01:30',
        '2024-01-01T10:20:30-00:00': '2024-01-01 10:20:30+00:00',
      },
      refuses: [
        '2024-01-01 24:00:00',
        '2024-01-01 10:60',
        '10:20',
        '2024-02-30 10:00',
        '2024-01-01 10:20:30+99:00',
        'now',
      ],
    },
  ];

test.each(cases)('$base($length) takes and writes back what it says', ({ base, length, takes, refuses }) => {
  const canonical = canonicalValue({ base, ...(length !== undefined && { length }) });
  for (const [text, written] of Object.entries(takes)) expect([text, canonical(text) ?? '']).toEqual([text, written]);
  for (const text of refuses) expect([text, canonical(text)]).toEqual([text, undefined]);
});

test('what was written back is written back as it is', () => {
  const digit = fc.constantFrom(...'0123456789+-.:eETZ '.split(''));
  const text = fc.oneof(
    fc.string({ unit: digit, maxLength: 30 }),
    fc.double().map(String),
    fc.bigInt().map(String),
    fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString()),
    fc.string({ unit: 'binary' }),
  );
  const type = fc.record({ base: fc.constantFrom(...baseTypes), length: fc.constantFrom(undefined, '9', '12,4') });
  fc.assert(
    fc.property(text, type, (value, { base, length }) => {
      if (base === 'STRING' && length === '12,4') return;
      const canonical = canonicalValue({ base, ...(length !== undefined && { length }) });
      const once = canonical(value);
      if (once !== undefined) expect(canonical(once)).toBe(once);
      if (once !== undefined && base === 'FLOAT')
        expect(Number(once)).toBe(Number(value.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity')) + 0);
    }),
    { numRuns: 3000 },
  );
});

test('lengths are looked at', () => {
  expect(lengthComplaint({ base: 'STRING', length: '255' })).toBeUndefined();
  expect(lengthComplaint({ base: 'NUMERIC', length: '38, 2' })).toBeUndefined();
  expect(lengthComplaint({ base: 'DATE', length: 'whatever' })).toBeUndefined();
  for (const length of ['x', '0', '5,6', '77', '5,2,1'])
    expect(lengthComplaint({ base: 'NUMERIC', length })).toContain(length);
  expect(lengthComplaint({ base: 'STRING', length: '-1' })).toContain('-1');
});

test('types are compared by what they mean to a loader', () => {
  expect(baseTypeOf('integer')).toBe('INTEGER');
  expect(baseTypeOf('varchar')).toBeUndefined();
  expect(isSameType(undefined, { base: 'STRING', nullable: false })).toBe(true);
  expect(isSameType({ base: 'STRING', nullable: true, length: '5' }, undefined)).toBe(false);
  const date = { base: 'DATE', nullable: true } as const;
  expect(isSameType(date, { ...date, nullable: false })).toBe(false);
  expect(isSameType(date, { ...date, length: '3', native: { snowflake: { type: 'DATE' } } })).toBe(true);
  expect(typeText({ base: 'NUMERIC', length: '38,2', nullable: false })).toBe('NUMERIC(38,2) not null');
});
