import { describe, expect, test } from 'vitest';
import { fromPlain, stringifyJson } from '../../../src/base/json.ts';
import type { DataTypes } from '../../../src/job/data-types.ts';
import type { OutputEntry } from '../../../src/job/output-entries.ts';
import { type OutputIntents, parseOutputMapping, planOutputs } from '../../../src/job/output-mapping.ts';
import { failureOf } from '../../support/problems.ts';

interface Given {
  readonly tables?: readonly (string | OutputEntry)[];
  readonly files?: readonly (string | OutputEntry)[];
  /** Path below `out` to content. */
  readonly manifests?: Readonly<Record<string, unknown>>;
  readonly output?: object;
  readonly defaultBucket?: string;
  readonly pass?: 'success' | 'failed';
  readonly dataTypes?: DataTypes;
  readonly rowId?: string;
  readonly configId?: string;
}

const listed = (entries: readonly (string | OutputEntry)[] = []): readonly OutputEntry[] =>
  entries.map((entry) => (typeof entry === 'string' ? { name: entry, kind: 'file' } : entry));
const sliced = (name: string, ...slices: readonly string[]): OutputEntry => ({
  name,
  kind: 'folder',
  slices: listed(slices),
});

function plan(given: Given): Promise<OutputIntents> {
  const { tables, files, manifests = {}, output = {}, defaultBucket, pass = 'success', rowId, configId } = given;
  const { dataTypes = 'off' } = given;
  const beside = (folder: string) =>
    Object.keys(manifests)
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1));
  return planOutputs({
    tables: listed([...(tables ?? []), ...beside('tables')]),
    files: listed([...(files ?? []), ...beside('files')]),
    readManifest: async (path) => {
      const content = manifests[path.replace(/^out\//, '')];
      return typeof content === 'string' ? content : JSON.stringify(content);
    },
    format: 'json',
    mapping: parseOutputMapping(stringifyJson(fromPlain(output))),
    ...(defaultBucket !== undefined && { defaultBucket }),
    dataTypes,
    pass,
    producer: {
      component: 'acme.ex',
      runId: '7',
      ...(rowId !== undefined && { rowId }),
      ...(configId !== undefined && { configId }),
    },
  });
}

const destinations = async (given: Given) =>
  (await plan(given)).tables.map(({ source, load }) => [source, load.destination]);
const onlyLoad = async (given: Given) => {
  const { tables } = await plan(given);
  expect(tables).toHaveLength(1);
  return tables[0]?.load;
};

describe('which tables', () => {
  test('every missing mapped source is named, and nothing is loaded (fact 71)', async () => {
    const output = { tables: ['a', 'b', 'c'].map((source) => ({ source, destination: `in.c-x.${source}` })) };
    const failed = await failureOf(() => plan({ tables: ['b'], output }));
    expect([failed.class, failed.paths]).toEqual(['user', ['out/tables/a', 'out/tables/c']]);
  });

  test('every manifest without its table is named (fact 72)', async () => {
    const failed = await failureOf(() => plan({ manifests: { 'tables/x.csv.manifest': {}, 'tables/y.manifest': {} } }));
    expect([failed.class, failed.paths]).toEqual(['user', ['out/tables/x.csv.manifest', 'out/tables/y.manifest']]);
  });

  test('one source may be mapped several times (fact 76)', async () => {
    const output = {
      tables: [
        { source: 'a.csv', destination: 'in.c-x.one' },
        { source: 'a.csv', destination: 'in.c-x.two' },
      ],
    };
    expect(await destinations({ tables: ['a.csv'], output })).toEqual([
      ['a.csv', 'in.c-x.one'],
      ['a.csv', 'in.c-x.two'],
    ]);
  });

  test('sources match by the exact name, extension included', async () => {
    const output = { tables: [{ source: 'a', destination: 'in.c-x.a' }] };
    expect((await failureOf(() => plan({ tables: ['a.csv'], defaultBucket: 'in.c-d', output }))).paths).toEqual([
      'out/tables/a',
    ]);
  });

  test('names that begin with a dot and folders of version control are ignored', async () => {
    const tables = ['.DS_Store', '.hidden.manifest', sliced('.git', 'x'), sliced('CVS', 'x'), 'a.csv'];
    expect(await destinations({ tables, files: ['.x'], defaultBucket: 'in.c-d' })).toEqual([['a.csv', 'in.c-d.a']]);
  });

  test('what is neither file nor folder is refused by name', async () => {
    const link: OutputEntry = { name: 'evil', kind: 'other', what: 'a symbolic link' };
    const failed = await failureOf(() =>
      plan({
        tables: [link, { name: 's', kind: 'folder', slices: [link] }],
        files: [link],
        manifests: { 'tables/s.manifest': { columns: ['a'], destination: 'in.c-x.s' } },
      }),
    );
    expect(failed.paths).toEqual(['out/tables/evil', 'out/tables/s/evil', 'out/files/evil']);
    expect(failed.message).toContain('a symbolic link');
  });

  test('a manifest that is a link is refused by name and not read', async () => {
    const link: OutputEntry = { name: 'a.manifest', kind: 'other', what: 'a symbolic link' };
    expect(
      (await failureOf(() => plan({ tables: ['a', link], files: ['a', link], defaultBucket: 'in.c-d' }))).paths,
    ).toEqual(['out/tables/a.manifest', 'out/files/a.manifest']);
  });

  test('problems of tables and files come together', async () => {
    const failed = await failureOf(() =>
      plan({
        tables: ['plain.csv', 'bad.csv'],
        files: ['f'],
        manifests: {
          'tables/bad.csv.manifest': { destination: 'in.c-x.b', colums: [] },
          'files/f.manifest': { public: true },
          'files/g.manifest': {},
        },
        output: { tables: [{ source: 'gone', destination: 'in.c-x.g' }] },
      }),
    );
    expect(failed.paths).toEqual([
      'out/tables/gone',
      'colums',
      'out/tables/plain.csv',
      'out/files/g.manifest',
      'public',
    ]);
    expect(failed.problems[1]).toMatchObject({
      source: 'out/tables/bad.csv.manifest',
      hint: 'did you mean "columns"?',
    });
  });
});

describe('where they go', () => {
  test.each<[string, Given, string]>([
    ['file name and default bucket (fact 73)', { tables: ['x.csv'], defaultBucket: 'in.c-d' }, 'in.c-d.x'],
    [
      'full id as file name beats the default bucket (fact 73)',
      { tables: ['out.c-a.b.csv'], defaultBucket: 'in.c-d' },
      'out.c-a.b',
    ],
    ['full id as file name without extension', { tables: ['out.c-a.b'] }, 'out.c-a.b'],
    [
      'name in the manifest and default bucket (fact 75)',
      { tables: ['x'], manifests: { 'tables/x.manifest': { destination: 'tableA' } }, defaultBucket: 'in.c-d' },
      'in.c-d.tableA',
    ],
    [
      'full id in the manifest beats the default bucket',
      { tables: ['x'], manifests: { 'tables/x.manifest': { destination: 'in.c-m.t' } }, defaultBucket: 'in.c-d' },
      'in.c-m.t',
    ],
    [
      'full id in the mapping beats the manifest (fact 75)',
      {
        tables: ['x'],
        manifests: { 'tables/x.manifest': { destination: 'in.c-m.t' } },
        output: { tables: [{ source: 'x', destination: 'out.c-p.q' }] },
      },
      'out.c-p.q',
    ],
    [
      'a mapping without destination leaves it to the manifest',
      {
        tables: ['x'],
        manifests: { 'tables/x.manifest': { destination: 'in.c-m.t' } },
        output: { tables: [{ source: 'x' }] },
      },
      'in.c-m.t',
    ],
  ])('%s', async (_, given, destination) => {
    expect((await onlyLoad(given))?.destination).toBe(destination);
  });

  test.each<[string, Given]>([
    ['a plain name without a default bucket', { tables: ['x.csv'] }],
    [
      'a plain mapping destination, even with a default bucket',
      { tables: ['x'], defaultBucket: 'in.c-d', output: { tables: [{ source: 'x', destination: 'table' }] } },
    ],
    [
      'a plain manifest destination without a default bucket',
      { tables: ['x'], manifests: { 'tables/x.manifest': { destination: 't' } } },
    ],
    [
      'a mapping destination with three dots',
      { tables: ['x'], output: { tables: [{ source: 'x', destination: 'in.c.x.y' }] } },
    ],
    ['a file name with a dot, which a bucket cannot take', { tables: ['a.b'], defaultBucket: 'in.c-d' }],
  ])('%s is an error (fact 74)', async (_, given) => {
    const failed = await failureOf(() => plan(given));
    expect([failed.class, failed.problems.length]).toEqual(['user', 1]);
  });

  test('a full id as file name is deprecated', async () => {
    expect((await plan({ tables: ['out.c-a.b.csv'] })).warnings).toEqual([expect.stringContaining('out.c-a.b.csv')]);
    expect(
      (await plan({ tables: ['x'], manifests: { 'tables/x.manifest': { destination: 'in.c-m.t' } } })).warnings,
    ).toEqual([]);
  });
});

describe('how they are loaded', () => {
  const merged = (manifest: object, mapping?: object) =>
    onlyLoad({
      tables: ['t'],
      manifests: { 'tables/t.manifest': { destination: 'in.c-m.t', ...manifest } },
      output: mapping === undefined ? {} : { tables: [{ source: 't', ...mapping }] },
    });

  test.each<[string, object, object | undefined, object]>([
    [
      'the manifest alone',
      { incremental: true, primary_key: ['id', ' '], delimiter: '\t', enclosure: '' },
      undefined,
      { incremental: true, primaryKey: ['id'], csv: { delimiter: '\t', enclosure: '' } },
    ],
    [
      'a mapping false cannot switch incremental off',
      { incremental: true },
      { incremental: false },
      { incremental: true },
    ],
    [
      'a mapping replaces the primary key',
      { primary_key: ['id'] },
      { primary_key: ['a', 'b'] },
      { primaryKey: ['a', 'b'] },
    ],
    ['a mapping replaces the primary key even by saying nothing', { primary_key: ['id'] }, {}, { primaryKey: [] }],
    ['an empty text as primary key means none', { primary_key: ['id'] }, { primary_key: [''] }, { primaryKey: [] }],
    [
      'the default delimiter of a mapping does not count',
      { delimiter: ';' },
      { delimiter: ',' },
      { csv: { delimiter: ';', enclosure: '"' } },
    ],
    [
      'another delimiter of a mapping counts',
      { delimiter: ';' },
      { delimiter: '\t' },
      { csv: { delimiter: '\t', enclosure: '"' } },
    ],
    [
      'columns of the mapping beat those of the manifest',
      { columns: ['a'] },
      { columns: ['b', 'c'] },
      { columns: ['b', 'c'], skipHeader: false },
    ],
    ['empty columns of the mapping do not', { columns: ['a'] }, { columns: [] }, { columns: ['a'] }],
    [
      'has_header with columns skips the first line',
      { columns: ['a'], has_header: true },
      undefined,
      { columns: ['a'], skipHeader: true },
    ],
    ['has_header without columns says nothing new', { has_header: true }, undefined, { skipHeader: false }],
    [
      'metadata is merged by key',
      {
        metadata: [
          { key: 'a', value: '1' },
          { key: 'b', value: '2' },
        ],
      },
      {
        metadata: [
          { key: 'b', value: '3' },
          { key: 'c', value: '4' },
        ],
      },
      {
        metadata: [
          { key: 'a', value: '1' },
          { key: 'b', value: '3' },
          { key: 'c', value: '4' },
        ],
      },
    ],
    [
      'column metadata is merged by column and key',
      {
        column_metadata: {
          a: [
            { key: 'x', value: '1' },
            { key: 'y', value: '1' },
          ],
        },
      },
      { column_metadata: { a: [{ key: 'y', value: '2' }], b: [{ key: 'z', value: 3 }] } },
      {
        columnMetadata: {
          a: [
            { key: 'x', value: '1' },
            { key: 'y', value: '2' },
          ],
          b: [{ key: 'z', value: '3' }],
        },
      },
    ],
    ['the description', { description: 'Daily' }, undefined, { description: 'Daily' }],
    [
      'a schema names columns, keys and descriptions',
      {
        schema: [
          { name: 'id', primary_key: true },
          { name: 'n', description: 'Name', data_type: { base: { type: 'STRING' } } },
        ],
      },
      undefined,
      {
        columns: ['id', 'n'],
        primaryKey: ['id'],
        skipHeader: false,
        columnMetadata: { n: [{ key: 'KBC.description', value: 'Name' }] },
      },
    ],
    [
      'a mapping adds keys to a schema',
      { schema: [{ name: 'id' }, { name: 'n', primary_key: true }] },
      { primary_key: ['id'] },
      { primaryKey: ['id', 'n'] },
    ],
  ])('%s', async (_, manifest, mapping, expected) => {
    expect(await merged(manifest, mapping)).toMatchObject(expected);
  });

  test('without columns and schema the header is in the file', async () => {
    expect(await merged({})).not.toHaveProperty('columns');
  });

  test.each<[object, string]>([
    [{ id: 'in.c-a.b' }, 'id'],
    [{ uri: 'x', last_change_date: 'y' }, 'uri'],
    [{ columns: 'a' }, 'columns'],
    [{ delimiter: '||' }, 'delimiter'],
    [{ schema: [{ name: 'a' }], columns: ['a'] }, 'columns'],
    [{ schema: [{ name: 'a' }], primary_key: ['a'] }, 'primary_key'],
    [{ schema: [{ name: 'a' }], metadata: [{ key: 'a', value: 'b' }] }, 'metadata'],
    [{ schema: [{ name: 'a', description: 'x', metadata: { 'KBC.description': 'y' } }] }, 'schema.0.description'],
    [{ description: 'x', table_metadata: { 'KBC.description': 'y' } }, 'description'],
    [{ delete_where_column: 'a', delete_where_values: [] }, 'delete_where_column'],
    [{ delete_where: [{ changed_since: '-1 day' }] }, 'delete_where'],
    [{ deduplication_strategy: 'insert' }, 'deduplication_strategy'],
  ])('the manifest %j is refused at %s (fact 90 and section 4.6.5)', async (manifest, path) => {
    const failed = await failureOf(() => merged(manifest));
    expect(failed.class).toBe('user');
    expect(failed.paths).toContain(path);
    expect(failed.problems.every(({ source }) => source === 'out/tables/t.manifest')).toBe(true);
  });

  test('a manifest that is not JSON is refused with its line and column', async () => {
    const failed = await failureOf(() => plan({ tables: ['t'], manifests: { 'tables/t.manifest': '{\n "a" 1}' } }));
    expect(failed.problems).toEqual([expect.objectContaining({ source: 'out/tables/t.manifest', line: 2, column: 6 })]);
  });

  test.each([
    ['columns', { columns: ['id', '_timestamp'] }],
    ['schema', { schema: [{ name: '_timestamp' }] }],
  ])('_timestamp in %s is refused (fact 80)', async (_, manifest) => {
    const failed = await failureOf(() => merged(manifest));
    expect(failed.class).toBe('user');
    expect(failed.message).toContain('_timestamp');
  });

  test('column names are sanitised everywhere, with a warning each', async () => {
    const { tables, warnings } = await plan({
      tables: ['t'],
      manifests: {
        'tables/t.manifest': {
          destination: 'in.c-m.t',
          columns: ['dlažební  %_kostky', 'oid', 'ok'],
          primary_key: ['oid'],
          column_metadata: { 'dlažební  %_kostky': [{ key: 'k', value: 'v' }] },
        },
      },
    });
    expect(tables[0]?.load).toMatchObject({
      columns: ['dlazebni__kostky', 'oid_', 'ok'],
      primaryKey: ['oid_'],
      columnMetadata: { dlazebni__kostky: [{ key: 'k', value: 'v' }] },
    });
    expect(warnings).toHaveLength(2);
  });

  test('columns that become the same are refused', async () => {
    expect((await failureOf(() => merged({ columns: ['a b', 'a-b'] }))).message).toContain(
      'the column name "a-b" is the same as that of column 1',
    );
  });

  test('a schema types the table as far as the component wants it', async () => {
    const schema = [
      { name: 'id no', primary_key: true, nullable: false, data_type: { base: { type: 'integer' } } },
      {
        name: 'price',
        data_type: {
          base: { type: 'NUMERIC', length: '10,2', default: 0 },
          snowflake: { type: 'NUMBER', length: '10,2' },
        },
      },
      { name: 'note' },
    ];
    const planned = (dataTypes: DataTypes, columns: readonly object[] = schema, output: object = {}) =>
      plan({
        tables: ['t'],
        manifests: { 'tables/t.manifest': { destination: 'in.c-m.t', schema: columns } },
        output,
        dataTypes,
      });
    const id = { base: 'INTEGER', nullable: false };
    const native = { snowflake: { type: 'NUMBER', length: '10,2' } };
    const price = { base: 'NUMERIC', length: '10,2', default: '0', nullable: true, native };
    const none = await planned('none');
    expect(none.tables[0]?.load.typing).toEqual({
      types: { id_no: id, price },
      isAuthoritative: false,
      emptyIsNull: true,
    });
    expect(none.tables[0]?.load.columnMetadata).toEqual({});
    const strict = await planned('authoritative', schema.slice(0, 2), { treat_values_as_null: [] });
    expect(strict.tables[0]?.load.typing).toEqual({
      types: { id_no: id, price },
      isAuthoritative: true,
      emptyIsNull: false,
    });
    const hints = await planned('hints');
    expect(hints.tables[0]?.load.typing).toMatchObject({ types: {}, isAuthoritative: false });
    expect(hints.tables[0]?.load.columnMetadata).toEqual({
      id_no: [
        { key: 'KBC.datatype.type', value: 'integer' },
        { key: 'KBC.datatype.basetype', value: 'INTEGER' },
        { key: 'KBC.datatype.nullable', value: '0' },
      ],
      price: [
        { key: 'KBC.datatype.type', value: 'NUMBER' },
        { key: 'KBC.datatype.basetype', value: 'NUMERIC' },
        { key: 'KBC.datatype.length', value: '10,2' },
        { key: 'KBC.datatype.nullable', value: '1' },
      ],
    });
    for (const [mode, columns, message] of [
      ['authoritative', schema, 'base type for note'],
      ['authoritative', [], 'a "schema" is required'],
      ['hints', [], 'a "schema" is required'],
      ['none', [{ name: 'a', data_type: { base: { type: 'MONEY' } } }], '"MONEY" is no base type'],
      ['none', [{ name: 'a', data_type: { base: { type: 'STRING', length: 'x' } } }], '"x" is not a number'],
    ] as const)
      expect((await failureOf(() => planned(mode, columns))).message).toContain(message);
  });

  test('data types are not kept in a project without them, which is said', async () => {
    const { warnings } = await plan({
      tables: ['t'],
      manifests: {
        'tables/t.manifest': {
          destination: 'in.c-m.t',
          schema: [{ name: 'n', data_type: { base: { type: 'INTEGER' } } }],
        },
      },
    });
    expect(warnings).toEqual([expect.stringContaining('n')]);
  });

  test('the origin and provider of a table are its producer', async () => {
    const { tables } = await plan({ tables: ['x'], defaultBucket: 'in.c-d', configId: '12', rowId: 'r1' });
    expect(tables[0]?.load).toMatchObject({
      provider: 'acme.ex',
      origin: { component: 'acme.ex', configuration: '12', configurationRow: 'r1' },
    });
  });
});

describe('sliced tables', () => {
  test('slices come in the order of their names; dot files and folders inside are left out (fact 78)', async () => {
    const folder: OutputEntry = {
      name: 's',
      kind: 'folder',
      slices: listed(['b', '.x', 'a', { name: 'd', kind: 'folder' }, 'c']),
    };
    const { tables } = await plan({
      tables: [folder],
      manifests: { 'tables/s.manifest': { destination: 'in.c-x.s', columns: ['id'] } },
    });
    expect(tables[0]?.slices).toEqual(['a', 'b', 'c']);
  });

  test('an empty folder with columns is an empty table (fact 78)', async () => {
    const { tables } = await plan({
      tables: [sliced('s')],
      output: { tables: [{ source: 's', destination: 'in.c-x.s', columns: ['id'] }] },
    });
    expect(tables.map(({ slices, load }) => [slices, load.columns])).toEqual([[[], ['id']]]);
  });

  test('a folder without columns is refused by name (fact 78)', async () => {
    const failed = await failureOf(() => plan({ tables: [sliced('s', 'a')], defaultBucket: 'in.c-d' }));
    expect([failed.class, failed.paths]).toEqual(['user', ['out/tables/s']]);
  });
});

describe('files', () => {
  const upload = async (given: Given) => (await plan(given)).files.map(({ upload }) => upload);

  test('every file is uploaded, mapped or not, with the tags of its job', async () => {
    expect(
      await upload({
        files: ['a', 'b', sliced('folder')],
        output: { files: [{ source: 'b', tags: ['x'], is_permanent: true }] },
        configId: '12',
        rowId: 'r1',
      }),
    ).toEqual([
      {
        name: 'a',
        tags: ['componentId: acme.ex', 'configurationId: 12', 'configurationRowId: r1', 'runId: 7'],
        isPublic: false,
        isPermanent: false,
        isEncrypted: true,
      },
      {
        name: 'b',
        tags: ['x', 'componentId: acme.ex', 'configurationId: 12', 'configurationRowId: r1', 'runId: 7'],
        isPublic: false,
        isPermanent: true,
        isEncrypted: true,
      },
    ]);
  });

  test('without a configuration its tag is empty, and without a row there is none', async () => {
    expect((await upload({ files: ['a'] }))[0]?.tags).toEqual([
      'componentId: acme.ex',
      'configurationId: ',
      'runId: 7',
    ]);
  });

  test('a mapping replaces the manifest entirely (fact 84)', async () => {
    const manifests = {
      'files/a.manifest': { tags: ['m'], is_permanent: true, is_public: true },
      'files/b.manifest': { tags: ['m'], is_encrypted: false },
    };
    const uploads = await upload({
      files: ['a', 'b'],
      manifests,
      output: {
        files: [
          { source: 'a', tags: ['x'] },
          { source: 'a', tags: ['y'] },
        ],
      },
    });
    expect(
      uploads.map(({ tags, isPermanent, isPublic, isEncrypted }) => [tags[0], isPermanent, isPublic, isEncrypted]),
    ).toEqual([
      ['y', false, false, true],
      ['m', false, false, false],
    ]);
  });

  test('a missing mapped file and a manifest without its file are refused by name (fact 84)', async () => {
    const failed = await failureOf(() =>
      plan({ manifests: { 'files/x.manifest': {} }, output: { files: [{ source: 'y' }] } }),
    );
    expect([failed.class, failed.paths]).toEqual(['user', ['out/files/x.manifest', 'out/files/y']]);
  });
});

describe('the pass of a failed job', () => {
  test('only tables that are written always, and no files (facts 84 and 86)', async () => {
    const { tables, files } = await plan({
      pass: 'failed',
      tables: ['always.csv', 'mapped.csv', 'other.csv', 'nowhere.csv'],
      files: ['f'],
      manifests: {
        'tables/always.csv.manifest': { destination: 'in.c-x.a', write_always: true },
        'tables/orphan.manifest': {},
        'tables/other.csv.manifest': '{',
      },
      output: {
        tables: [
          { source: 'mapped.csv', destination: 'in.c-x.m', write_always: true },
          { source: 'other.csv', destination: 'in.c-x.o' },
          { source: 'gone.csv', destination: 'in.c-x.g', write_always: true },
        ],
        files: [{ source: 'gone' }],
      },
    });
    expect(tables.map(({ load }) => load.destination)).toEqual(['in.c-x.a', 'in.c-x.m']);
    expect(files).toEqual([]);
  });

  test('a table that is written always and is wrong is still an error', async () => {
    const given: Given = { pass: 'failed', tables: ['a'], manifests: { 'tables/a.manifest': { write_always: true } } };
    expect((await failureOf(() => plan(given))).class).toBe('user');
  });
});

test('manifests follow the format of the component', async () => {
  const intents = await planOutputs({
    tables: listed(['t', 't.manifest']),
    files: [],
    readManifest: async () => 'destination: in.c-x.t\ncolumns: [id, 7]\nincremental: true\n',
    format: 'yaml',
    mapping: parseOutputMapping('{}'),
    dataTypes: 'none',
    pass: 'success',
    producer: { component: 'a', runId: '1' },
  });
  expect(intents.tables[0]?.load).toMatchObject({ destination: 'in.c-x.t', columns: ['id', '7'], incremental: true });
});
