import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, fromPlain, type Json, parseJson, stringifyJson } from '../../../src/base/json.ts';
import { normalizeConfiguration } from '../../../src/job/configuration.ts';
import { failureOf } from '../../support/problems.ts';

const inputTable = (item: object) => fromPlain({ storage: { input: { tables: [item] } } });
const inputFile = (item: object) => fromPlain({ storage: { input: { files: [item] } } });

describe('normalizeConfiguration', () => {
  test.each([['null'], ['[]'], ['{}']])('takes %s as the empty configuration', (text) => {
    const { document, input, processors, runtime } = normalizeConfiguration(parseJson(text));
    expect(stringifyJson(document)).toBe('{"shared_code_row_ids":[]}');
    expect([input, processors, runtime]).toEqual([{ tables: [], files: [] }, { before: [], after: [] }, {}]);
  });

  test('fills in the defaults of mapping items and keeps what was written before them', () => {
    const { document } = normalizeConfiguration(
      parseJson(
        '{"storage":{"input":{"tables":[{"destination":"c.csv","source":"in.c-geo.cities"}],"files":[{"tags":["a"],"query":"","file_ids":[]}]},"output":{"tables":[{"source":"o.csv","destination":"out.c-a.b"}],"files":[{"source":"f"}]}}}',
      ),
    );
    expect(stringifyJson(at(document, 'storage') as Json)).toBe(
      '{"input":{"tables":[{"destination":"c.csv","source":"in.c-geo.cities","columns":[],"where_values":[],"where_operator":"eq","column_types":[],"overwrite":false,"keep_internal_timestamp_column":true}],' +
        '"files":[{"tags":["a"],"overwrite":true}]},' +
        '"output":{"tables":[{"source":"o.csv","destination":"out.c-a.b","incremental":false,"primary_key":[],"columns":[],"distribution_key":[],"delete_where_values":[],"delete_where_operator":"eq","delimiter":",","enclosure":"\\"","metadata":[],"column_metadata":[],"write_always":false,"tags":[],"schema":[]}],' +
        '"files":[{"source":"f","tags":[],"is_public":false,"is_permanent":false,"is_encrypted":true,"notify":false}]}}',
    );
  });

  test('only fills in the parts of storage that are given', () => {
    const { document } = normalizeConfiguration(parseJson('{"storage":{"output":{}}}'));
    expect(stringifyJson(at(document, 'storage') as Json)).toBe('{"output":{"tables":[],"files":[]}}');
  });

  test('leaves parameters exactly as they were written', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const parameters = parseJson(text);
        const { document } = normalizeConfiguration(new Map([['parameters', parameters]]));
        expect(stringifyJson(document.get('parameters') as Json)).toBe(stringifyJson(parameters));
      }),
    );
    const text = '{"b":1.0,"2":12345678901234567890,"1":{},"a":[],"#s":"x","__proto__":{}}';
    const { document } = normalizeConfiguration(parseJson(`{"parameters":${text}}`));
    expect(stringifyJson(document.get('parameters') as Json)).toBe(text);
  });

  test('passes a list written as an object with keys 0 and 1 through unreshaped, and reads it as a list', () => {
    const { document, input } = normalizeConfiguration(
      parseJson('{"storage":{"input":{"tables":{"0":{"source":"a.b.c"},"1":{"source":"a.b.d"}}}}}'),
    );
    expect(input.tables.map(({ source }) => source)).toEqual(['a.b.c', 'a.b.d']);
    expect(stringifyJson(at(document, 'storage', 'input', 'tables') as Json)).toMatch(
      /^\{"0":\{"source":"a\.b\.c",.*"1":\{/,
    );
  });

  test('an unknown key in an input table is named with its path (fact 46)', async () => {
    const failed = await failureOf(() => normalizeConfiguration(inputTable({ source: 'a.b.c', foo: 1 })));
    expect(failed.class).toBe('user');
    expect(failed.paths).toEqual(['container.storage.input.tables.0.foo']);
  });

  test.each([
    ['root', { foo: 1 }, 'container.foo'],
    ['storage', { storage: { foo: 1 } }, 'container.storage.foo'],
    ['input', { storage: { input: { foo: 1 } } }, 'container.storage.input.foo'],
    ['output', { storage: { output: { foo: 1 } } }, 'container.storage.output.foo'],
    [
      'output table',
      { storage: { output: { tables: [{ source: 'a', foo: 1 }] } } },
      'container.storage.output.tables.0.foo',
    ],
    [
      'output file',
      { storage: { output: { files: [{ source: 'a', foo: 1 }] } } },
      'container.storage.output.files.0.foo',
    ],
    ['processors', { processors: { during: [] } }, 'container.processors.during'],
    [
      'processor',
      { processors: { after: [{ definition: { component: 'a', foo: 1 } }] } },
      'container.processors.after.0.definition.foo',
    ],
    ['authorization', { authorization: { foo: 1 } }, 'container.authorization.foo'],
    ['artifacts', { artifacts: { runs: { foo: 1 } } }, 'container.artifacts.runs.foo'],
  ])('an unknown key below %s is refused', async (_, configuration, path) => {
    expect((await failureOf(() => normalizeConfiguration(fromPlain(configuration)))).paths).toEqual([path]);
  });

  test('keys of the author are kept below runtime and backend', () => {
    const { runtime } = normalizeConfiguration(
      fromPlain({ runtime: { repository: 'x', tag: 7, backend: { foo: 1, context: 'c' } } }),
    );
    expect(runtime).toEqual({ tag: '7', context: 'c' });
  });

  test.each([0, -1, 1.5, '60', 'soon', true])('process_timeout %j is refused (fact 47)', async (timeout) => {
    const failed = await failureOf(() => normalizeConfiguration(fromPlain({ runtime: { process_timeout: timeout } })));
    expect([failed.class, failed.paths]).toEqual(['user', ['container.runtime.process_timeout']]);
  });

  test('process_timeout 60.0 is refused, because it is written as a fraction (fact 47)', async () => {
    const failed = await failureOf(() => normalizeConfiguration(parseJson('{"runtime":{"process_timeout":60.0}}')));
    expect(failed.paths).toEqual(['container.runtime.process_timeout']);
  });

  test.each([
    [null, undefined],
    [1, 1],
    [86_400, 86_400],
    [86_401, 86_400],
  ])('process_timeout %j is %j seconds (facts 29 and 47)', (timeout, seconds) => {
    expect(
      normalizeConfiguration(fromPlain({ runtime: { process_timeout: timeout } })).runtime.processTimeoutSeconds,
    ).toBe(seconds);
  });

  test('runtime.tag wins over runtime.image_tag, and an empty one counts as none', () => {
    const tagOf = (runtime: object) => normalizeConfiguration(fromPlain({ runtime })).runtime.tag;
    expect([
      tagOf({ tag: 'a', image_tag: 'b' }),
      tagOf({ tag: '', image_tag: 'b' }),
      tagOf({ image_tag: null }),
    ]).toEqual(['a', 'b', undefined]);
  });

  test.each([
    [{ where_column: 'a' }, 'where_values'],
    [{ where_values: ['1'] }, 'where_column'],
    [{ where_column: '  ', where_values: ['1'] }, 'where_column'],
    [{ where_column: 'a', where_values: ['1'], where_operator: 'gt' }, 'where_operator'],
    [{ days: 2, changed_since: '-1 day' }, 'days'],
    [{ columns: ['a', 'b'], column_types: [{ source: 'a' }] }, 'column_types'],
    [{ load_type: 'MOVE' }, 'load_type'],
    [{ limit: 'ten' }, 'limit'],
  ])('the input table %j is wrong at %s (fact 92)', async (item, key) => {
    const failed = await failureOf(() => normalizeConfiguration(inputTable({ source: 'a.b.c', ...item })));
    expect([failed.class, failed.paths]).toEqual(['user', [`container.storage.input.tables.0.${key}`]]);
  });

  test.each(['', null])('where_operator %j is read and written as eq (fact 92)', (operator) => {
    const { input, document } = normalizeConfiguration(
      inputTable({ source: 'a.b.c', where_operator: operator, where_column: 'x', where_values: [1] }),
    );
    expect(input.tables[0]?.where_operator).toBe('eq');
    expect(at(document, 'storage', 'input', 'tables', 0, 'where_operator')).toBe('eq');
  });

  test.each([
    [{}, undefined],
    [{ tags: [] }, undefined],
    [{ tags: ['a'], source: { tags: [{ name: 'b' }] } }, 'tags'],
    [{ query: 'x', changed_since: '-1 day' }, 'changed_since'],
    [{ file_ids: [1], tags: ['a'] }, 'tags'],
    [{ file_ids: [1], limit: 3 }, 'limit'],
    [{ source: { tags: [{ name: 'a', match: 'maybe' }] } }, 'source.tags.0.match'],
    [{ file_ids: ['x'] }, 'file_ids.0'],
  ])('the input file item %j is wrong at %s (facts 93 and 96)', async (item, key) => {
    const failed = await failureOf(() => normalizeConfiguration(inputFile(item)));
    const path = ['container.storage.input.files.0', key].filter((part) => part !== undefined).join('.');
    expect([failed.class, failed.paths]).toEqual(['user', [path]]);
  });

  test.each([
    [{ file_ids: [1], overwrite: true, processed_tags: ['x'] }],
    [{ tags: ['a'], query: 'b' }],
    [{ tags: ['a'], changed_since: '-1 day' }],
  ])('the input file item %j is fine', (item) => {
    expect(normalizeConfiguration(inputFile(item)).input.files).toHaveLength(1);
  });

  test.each([[''], [['']], [null]])('the primary key %j means none', (key) => {
    const { output } = normalizeConfiguration(
      fromPlain({ storage: { output: { tables: [{ source: 'a', primary_key: key }] } } }),
    );
    expect((output.tables[0]?.primary_key ?? []).filter((column) => column !== '')).toEqual([]);
  });

  test('an output table needs a source, unless a workspace hands it over', async () => {
    const output = (item: object) => fromPlain({ storage: { output: { tables: [item] } } });
    expect((await failureOf(() => normalizeConfiguration(output({ destination: 'a.b.c' })))).paths).toEqual([
      'container.storage.output.tables.0.source',
    ]);
    expect(normalizeConfiguration(output({ unload_strategy: 'direct-grant' })).output.tables).toHaveLength(1);
  });

  test('processors keep their order, tag and parameters as they were written', () => {
    const { processors } = normalizeConfiguration(
      parseJson(
        '{"processors":{"before":[{"definition":{"component":"a","tag":1.0},"parameters":{"n":1.0}},{"definition":{"component":"b"},"parameters":[]}]}}',
      ),
    );
    expect(
      processors.before.map(({ component, tag, parameters }) => [component, tag, stringifyJson(parameters)]),
    ).toEqual([
      ['a', '1.0', '{"n":1.0}'],
      ['b', undefined, '{}'],
    ]);
  });

  test.each([[{}], [{ definition: {} }], [{ definition: { component: '' } }]])(
    'the processor entry %j is refused',
    async (entry) => {
      expect(
        (await failureOf(() => normalizeConfiguration(fromPlain({ processors: { before: [entry] } })))).class,
      ).toBe('user');
    },
  );

  test('five mistakes are five problems', async () => {
    const failed = await failureOf(() =>
      normalizeConfiguration(
        fromPlain({
          paramters: {},
          runtime: { process_timeout: 0 },
          storage: { input: { tables: [{ destination: 'x' }] }, output: { files: [{ source: 'a', is_public: 'no' }] } },
          processors: { before: [{ parameters: {} }] },
        }),
        'configData',
      ),
    );
    expect(failed.problems).toHaveLength(5);
    expect(failed.problems.find(({ path }) => path === 'container.paramters')?.hint).toBe('did you mean "parameters"?');
  });
});
