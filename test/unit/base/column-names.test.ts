import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnProblems, sanitizeColumn } from '../../../src/base/column-names.ts';

describe('a column name', () => {
  test.each([
    ['id', 'id'],
    ['Order Id', 'Order_Id'],
    ['dlažební  %_kostky', 'dlazebni__kostky'],
    ['__a__', 'a'],
    ['  a-b.c  ', 'a_b_c'],
    ['Größe', 'Grosse'],
    ['Ærø Łódź', 'AEro_Lodz'],
    ['Имя', 'Imya'],
    ['Ελλάδα', 'Ellada'],
    ['ﬁle', 'file'],
    ['名前', ''],
    ['oid', 'oid_'],
    ['CTID', 'CTID_'],
    ['_oid_', 'oid_'],
    ['007', '007'],
  ])('%j is kept as %j', (header, name) => {
    expect(sanitizeColumn(header)).toBe(name);
  });

  test('is plain ASCII afterwards, and stays what it is the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (header) => {
        const name = sanitizeColumn(header);
        expect(name).toMatch(/^[A-Za-z0-9_]*$/);
        expect(sanitizeColumn(name)).toBe(name);
      }),
    );
  });

  test('must exist, be short, not reserved, and not there twice', () => {
    const given = ['a', 'ä', '_TIMESTAMP', '%', 'x'.repeat(65), 'b'];
    const problems = columnProblems(given, given.map(sanitizeColumn), 'orders.csv');
    expect(problems.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    expect(problems.every(({ source }) => source === 'orders.csv')).toBe(true);
    const many = Array.from({ length: 4097 }, (_, index) => `c${index}`);
    expect(columnProblems(many, many, 'orders.csv')).toHaveLength(1);
  });
});
