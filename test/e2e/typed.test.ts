import { expect, test } from 'vitest';
import { shell, shellImage } from '../support/components.ts';
import { mainDefined, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

const schema = [
  { name: 'id', primary_key: true, nullable: false, data_type: { base: { type: 'INTEGER' } } },
  {
    name: 'price',
    description: 'In crowns',
    data_type: { base: { type: 'NUMERIC', length: '10,2' }, snowflake: { type: 'NUMBER', length: '10,2' } },
  },
  { name: 'note' },
];

/** Writes rows without a header as `t`, with this schema. */
const writing = (rows: string, more: object = {}): string =>
  `printf '${rows}' > out/tables/t; cat > out/tables/t.manifest <<'END'\n${JSON.stringify({ destination: 'out.c-typed.t', schema, ...more })}\nEND`;

test('a schema makes a typed table, which the next component is told of and no wrong value enters', async () => {
  const site = await tenant.site({ prepare: mainDefined });
  const made = await site.script(writing('01,1.5,a\\n2,,b\\n', { table_metadata: { owner: 'me' } }));
  expect(made.code, made.stderr).toBe(0);
  const canonical = '"id","price","note"\n"1","1.50","a"\n"2","","b"\n';
  expect(await site.table('out.c-typed.t')).toBe(canonical);
  const { table } = await site.ask(['storage', 'show', 'out.c-typed.t']);
  expect(table.types.price).toEqual({
    base: 'NUMERIC',
    length: '10,2',
    nullable: true,
    native: { snowflake: { type: 'NUMBER', length: '10,2' } },
  });
  expect(table.metadata).toContainEqual(expect.objectContaining({ provider: 'test.main', key: 'owner', value: 'me' }));

  const wrong = await site.script(writing('3,1,x\\n4,many,y\\n', { incremental: true }));
  expect(wrong.code).toBe(1);
  expect(wrong.stderr + wrong.stdout).toContain(
    'line 2, column 3: the column \\"price\\" is NUMERIC(10,2), and \\"many\\" does not fit',
  );
  expect(await site.table('out.c-typed.t')).toBe(canonical);

  await site.ask(['storage', 'metadata', 'set', 'out.c-typed.t.note', 'colour', 'red']);
  const input = { tables: [{ source: 'out.c-typed.t', destination: 't.csv', columns: ['price', 'id'] }] };
  const read = await site.script('cp in/tables/t.csv out/files/; cat in/tables/t.csv.manifest > out/files/m.json', {
    storage: { input },
  });
  expect(read.code, read.stderr).toBe(0);
  const file = async (name: string): Promise<string> => {
    const { id } = read.result.output.files.find((one: { name: string }) => one.name === name);
    return (await site.run(['storage', 'file', 'get', String(id)])).stdout;
  };
  expect(await file('t.csv')).toBe('"price","id"\n"1.50","1"\n"","2"\n');
  const manifest = JSON.parse(await file('m.json'));
  expect(manifest.schema).toEqual([
    {
      name: 'price',
      data_type: { base: { type: 'NUMERIC', length: '10,2' }, snowflake: { type: 'NUMBER', length: '10,2' } },
      nullable: true,
      primary_key: false,
      description: 'In crowns',
    },
    { name: 'id', data_type: { base: { type: 'INTEGER' } }, nullable: false, primary_key: true },
  ]);
  expect(manifest.column_metadata.price).toMatchObject([{ key: 'KBC.description', provider: 'test.main' }]);
  expect(manifest.column_metadata.note).toBeUndefined();
});

test('a component with authoritative types needs a schema that is the table, and a mapping may be one', async () => {
  const site = await tenant.site();
  const [uri, tag] = shellImage.split(':');
  const data = { definition: { type: 'dockerhub', uri, tag }, memory: '64m', network: 'none' };
  const definition = { id: 'test.main', dataTypesConfiguration: { dataTypesSupport: 'authoritative' }, data };
  await site.ask(['component', 'add', '-'], { input: JSON.stringify(definition) });
  const typed = schema.map((column) => ({ data_type: { base: { type: 'STRING' } }, ...column }));
  const run = (script: string, output: object = {}) =>
    site.job({ component: 'test.main', configData: { parameters: shell(script), storage: { output } } });
  expect((await run(writing('1,1,a\\n', { schema: typed }))).code).toBe(0);
  const bare = await run('printf "id\\n1\\n" > out/tables/t.csv', {
    tables: [{ source: 't.csv', destination: 'out.c-typed.bare' }],
  });
  expect(bare.result).toMatchObject({ exitCode: 1 });
  expect(bare.stdout).toContain('a \\"schema\\" is required');
  const other = await run(writing('1,1,a\\n', { schema: typed.map((column) => ({ ...column, nullable: true })) }));
  expect(other.stdout).toContain('is INTEGER not null in the table and INTEGER in the schema');
  const mapped = await run('printf "1\\n" > out/tables/m.csv; echo "$KBC_DATA_TYPE_SUPPORT" > out/files/support', {
    tables: [
      {
        source: 'm.csv',
        destination: 'out.c-typed.m',
        schema: [{ name: 'day', data_type: { base: { type: 'DATE' } } }],
      },
    ],
  });
  expect(mapped.code).toBe(1);
  expect(mapped.stdout).toContain('the column \\"day\\" is DATE, and \\"1\\" does not fit');
});
