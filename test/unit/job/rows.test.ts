import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromPlain, parseJson, stringifyJson } from '../../../src/base/json.ts';
import { type Row, replaceRecursively, selectRows } from '../../../src/job/rows.ts';
import { failureOf } from '../../support/problems.ts';

describe('replaceRecursively', () => {
  test.each([
    ['{"a":["a","b","c"]}', '{"a":["x"]}', '{"a":["x","b","c"]}'],
    ['{"a":[1]}', '{"a":[]}', '{"a":[1]}'],
    ['{"a":{"b":1}}', '{"a":{}}', '{"a":{"b":1}}'],
    ['{"a":{"b":1}}', '{"a":null}', '{"a":null}'],
    ['{"a":1}', '{"a":{"b":2}}', '{"a":{"b":2}}'],
    ['{"a":{"b":2}}', '{"a":"text"}', '{"a":"text"}'],
    ['{"a":[{"x":1,"y":2}]}', '{"a":[{"y":3},{"z":4}]}', '{"a":[{"x":1,"y":3},{"z":4}]}'],
    ['{"a":["p","q"]}', '{"a":{"1":"r","k":"s"}}', '{"a":{"0":"p","1":"r","k":"s"}}'],
    ['{"a":["p","q"]}', '{"a":{"1":"r"}}', '{"a":["p","r"]}'],
    ['{"a":{"0":"p"}}', '{"a":["q","r"]}', '{"a":["q","r"]}'],
    ['{"a":{"0":"p"}}', '{"a":{"1":"q"}}', '{"a":{"0":"p","1":"q"}}'],
    ['{"a":[]}', '{"a":{"k":1}}', '{"a":{"k":1}}'],
    ['{"n":1.0,"m":{}}', '{"k":12345678901234567890}', '{"n":1.0,"m":{},"k":12345678901234567890}'],
    [
      '{"parameters":{"db":{"host":"h","tags":["a","b"]}}}',
      '{"parameters":{"db":{"port":1,"tags":["z"]}}}',
      '{"parameters":{"db":{"host":"h","tags":["z","b"],"port":1}}}',
    ],
    ['[]', '{"a":1}', '{"a":1}'],
    ['{"a":1}', '[]', '{"a":1}'],
  ])('%s with %s over it is %s', (base, overlay, result) => {
    expect(stringifyJson(replaceRecursively(parseJson(base), parseJson(overlay)))).toBe(result);
  });

  test('a tree over itself changes nothing', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const tree = parseJson(text);
        expect(stringifyJson(replaceRecursively(tree, tree))).toBe(stringifyJson(tree));
      }),
    );
  });
});

const row = (id: string, more: Partial<Row> = {}): Row => ({
  id,
  isDisabled: false,
  configuration: new Map(),
  state: new Map(),
  ...more,
});
const processors = (configuration: object) => fromPlain({ processors: configuration });

describe('selectRows', () => {
  const select = (
    rows: readonly Row[],
    rowIds: readonly string[] = [],
    configuration = fromPlain({ parameters: { a: 1 } }),
  ) => selectRows({ configuration, state: fromPlain({ of: 'config' }), rows, rowIds });

  test('without rows there is one definition, with the state of the configuration', () => {
    const { rows, notes } = select([]);
    expect(rows).toEqual([{ configuration: fromPlain({ parameters: { a: 1 } }), state: fromPlain({ of: 'config' }) }]);
    expect(notes).toEqual([]);
  });

  test('each row runs in order, merged over the configuration, with its own state', () => {
    const { rows } = select([
      row('r2', { configuration: fromPlain({ parameters: { b: 2 } }), state: fromPlain({ of: 'r2' }) }),
      row('r1'),
    ]);
    expect(
      rows.map(({ id, configuration, state }) => [id, stringifyJson(configuration), stringifyJson(state)]),
    ).toEqual([
      ['r2', '{"parameters":{"a":1,"b":2}}', '{"of":"r2"}'],
      ['r1', '{"parameters":{"a":1}}', '{}'],
    ]);
  });

  test('a disabled row is left out and noted; asked for by name it runs (fact 66)', () => {
    const rows = [row('on'), row('off', { isDisabled: true })];
    const all = select(rows);
    expect(all.rows.map(({ id }) => id)).toEqual(['on']);
    expect(all.notes).toEqual([expect.stringContaining('off')]);
    const named = select(rows, ['off']);
    expect(named.rows.map(({ id }) => id)).toEqual(['off']);
    expect(named.notes).toEqual([expect.stringContaining('off')]);
  });

  test('when every row is disabled nothing runs, and that is no error (fact 67)', () => {
    expect(select([row('a', { isDisabled: true })]).rows).toEqual([]);
  });

  test('asking only for unknown rows is an error that names them (fact 67)', async () => {
    const failed = await failureOf(() => select([row('a')], ['x', 'y']));
    expect(failed.class).toBe('user');
    expect(failed.message).toContain('x, y');
  });

  test('an unknown row beside a known one is ignored', () => {
    expect(select([row('a'), row('b')], ['b', 'x']).rows.map(({ id }) => id)).toEqual(['b']);
  });

  test('rows of a configuration that has none are not found', async () => {
    expect((await failureOf(() => select([], ['r1']))).message).toContain('r1');
  });

  test('processors both in the configuration and in a row are an error (fact 55)', async () => {
    const both = { before: [{ definition: { component: 'p' } }] };
    const failed = await failureOf(() =>
      select([row('a'), row('b', { configuration: processors(both) })], [], processors(both)),
    );
    expect(failed.class).toBe('user');
    expect(failed.message).toContain('b');
  });

  test('empty processors on one level are no conflict', () => {
    const both = { before: [{ definition: { component: 'p' } }] };
    expect(
      select([row('a', { configuration: processors({ before: [], after: [] }) })], [], processors(both)).rows,
    ).toHaveLength(1);
  });
});
