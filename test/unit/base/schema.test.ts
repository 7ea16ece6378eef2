import { describe, expect, test } from 'vitest';
import { fromPlain, parseJson } from '../../../src/base/json.ts';
import { readDocument } from '../../../src/base/schema.ts';
import { suggest } from '../../../src/base/suggest.ts';
import * as configuration from '../../../src/gen/configuration.schema.js';

describe('reading a document through its schema', () => {
  const read = (text: string) => readDocument(configuration, parseJson(text), { root: 'container', source: 'c.json' });

  test('a list written as an object with keys 0 and 1 is read as a list', () => {
    const { value, problems } = read(
      '{"storage":{"input":{"tables":{"0":{"source":"in.c-a.b"},"1":{"source":"in.c-a.c"}}}}}',
    );
    expect(problems).toEqual([]);
    expect(value).toMatchObject({ storage: { input: { tables: [{ source: 'in.c-a.b' }, { source: 'in.c-a.c' }] } } });
  });

  test("PHP's empty list counts as an empty object", () => {
    const { value, problems } = read('{"storage":[],"runtime":[],"authorization":[],"processors":[]}');
    expect(problems).toEqual([]);
    expect(value).toEqual({ storage: {}, runtime: {}, authorization: {}, processors: {} });
  });

  test('numbers in places of text keep their digits', () => {
    const { value } = read(
      '{"storage":{"input":{"tables":[{"source":"a","where_column":"id","where_values":[12345678901234567890,1.0,true]}]}}}',
    );
    expect(value).toMatchObject({
      storage: { input: { tables: [{ where_values: ['12345678901234567890', '1.0', '1'] }] } },
    });
  });

  test('every problem is reported with source, path and hint', () => {
    const { problems } = read(
      '{"storrage":{},"storage":{"input":{"tables":[{"destination":"x","colums":[]}]},"output":7}}',
    );
    expect(problems.map(({ path, message, hint }) => [path, message, hint])).toEqual(
      expect.arrayContaining([
        ['container.storrage', 'unknown key "storrage"', 'did you mean "storage"?'],
        ['container.storage.input.tables.0.source', 'is required', 'add the key "source"'],
        ['container.storage.input.tables.0.colums', 'unknown key "colums"', 'did you mean "columns"?'],
        ['container.storage.output', 'must be object', 'it is a number'],
      ]),
    );
    expect(problems).toHaveLength(4);
    expect(problems.every(({ source }) => source === 'c.json')).toBe(true);
  });

  test('keys with slashes and tildes appear in paths as they are', () => {
    const { problems } = read(
      '{"storage":{"output":{"tables":[{"source":"a","column_metadata":{"a/b~c":[{"kex":"x","value":"y"}]}}]}}}',
    );
    expect(problems.map(({ path }) => path)).toContain('container.storage.output.tables.0.column_metadata.a/b~c.0.kex');
  });

  test.each([['__proto__'], ['constructor'], ['hasOwnProperty']])(
    'the key %s is an unknown key like any other',
    (key) => {
      const { problems } = readDocument(configuration, new Map([[key, fromPlain({})]]));
      expect(problems.map(({ path }) => path)).toEqual([key]);
    },
  );
});

describe('suggest', () => {
  test.each([
    ['componet', 'component'],
    ['configdata', 'configData'],
    ['config_row_ids', 'configRowIds'],
    ['confg', 'config'],
    ['mdoe', 'mode'],
    ['zebra', undefined],
    ['x', undefined],
  ])('%s → %s', (word, meant) => {
    expect(suggest(word, ['component', 'config', 'configData', 'configRowIds', 'mode', 'tag'])).toBe(meant);
  });
});
