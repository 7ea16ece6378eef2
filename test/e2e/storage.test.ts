import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Line, type Ran, startCli } from '../support/cli.ts';

let directory: string;
let project: string;

function run(args: readonly string[], input?: string): Promise<Ran> {
  return startCli({ args: ['storage', ...args], env: { PATH: process.env.PATH, COMPONENTD_PROJECT: project }, input })
    .done;
}

/** The result object of a command that must succeed. */
async function ask(args: readonly string[], input?: string): Promise<Line> {
  const ran = await run([...args, '--json'], input);
  expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({ args, code: 0, stderr: '' });
  expect(ran.lines).toHaveLength(1);
  expect(ran.lines[0]?.type).toBe('result');
  return ran.lines[0] as Line;
}

async function refused(args: readonly string[], code: number, ...parts: readonly string[]): Promise<void> {
  const ran = await run(args, 'a\n1\n');
  expect({ args, code: ran.code, stdout: ran.stdout }).toEqual({ args, code, stdout: '' });
  for (const part of parts) expect(ran.stderr).toContain(part);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-verbs-'));
  project = join(directory, 'project');
  const env = { PATH: process.env.PATH, COMPONENTD_PROJECT: project };
  expect((await startCli({ args: ['init'], env }).done).code).toBe(0);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('a typed table is made, loaded and exported', async () => {
  const id = 'in.c-shop.orders';
  await ask(['bucket', 'create', 'in.c-shop', '--description', 'Shop']);
  const columns = ['id:INTEGER', 'price:numeric(10,2)', 'note'].flatMap((column) => ['--column', column]);
  const created = await ask(['table', 'create', id, ...columns, '--not-null', 'id', '--primary-key', 'id']);
  expect(created.table).toMatchObject({ primaryKey: ['id'], types: { id: { base: 'INTEGER', nullable: false } } });
  const imported = await ask(['table', 'import', id, '-'], 'id,price,no te\n01,1.5,x\n2,,"y\nz"\n');
  expect(imported).toMatchObject({
    importedRows: 2,
    renamed: [{ from: 'no te', to: 'no_te' }],
    warnings: [expect.stringContaining('no_te')],
  });
  await refused(['table', 'import', id, '-'], 1, 'no column for primary key id');
  const wrong = await run(['import', id, '-', '--incremental'], 'id,price\n3,1.555\n');
  expect(wrong.code).toBe(1);
  for (const part of ['line 2, column 3', '"price"', 'NUMERIC(10,2)', '"1.555"']) expect(wrong.stderr).toContain(part);

  const whole = '"id","price","note","no_te"\n"1","1.50","","x"\n"2","","","y\nz"\n';
  expect((await run(['export', id])).stdout).toBe(whole);
  expect((await run(['table', 'export', id, '--where', 'price=1.5', '--columns', 'no_te,id'])).stdout).toBe(
    '"no_te","id"\n"x","1"\n',
  );
  expect(
    (
      await run([
        'table',
        'export',
        id,
        '--where',
        'id!=1',
        '--changed-since',
        '-1 day',
        '--limit',
        '1',
        '--columns',
        'id',
      ])
    ).stdout,
  ).toBe('"id"\n"2"\n');
  await refused(['table', 'export', id, '--where', 'id'], 64, '--where "id"');
  await refused(['table', 'export', id, '--where', 'id=1', '--where', 'note=x'], 64, 'one column');
  await refused(['table', 'export', id, '--changed-since', 'soon'], 64, '"soon"');
  const output = join(directory, 'orders.csv');
  expect(await ask(['export', id, '-o', output])).toEqual({
    type: 'result',
    table: id,
    rows: 2,
    bytes: whole.length,
    output,
  });
  expect(await readFile(output, 'utf8')).toBe(whole);
});

test('a table is changed and removed, and what loses data needs to be forced', async () => {
  const id = 'in.c-shop.orders';
  await ask(['table', 'add-column', id, 'paid:DATE']);
  expect((await ask(['table', 'show', id, '--rows', '1'])).table.types).toMatchObject({ paid: { base: 'DATE' } });
  await refused(['table', 'drop-column', id, 'no_te'], 1, '--force');
  await ask(['table', 'drop-column', id, 'no_te', '--force']);
  expect((await ask(['table', 'key', id, 'id,price'])).table.primaryKey).toEqual(['id', 'price']);
  expect((await ask(['table', 'key', id])).table.primaryKey).toEqual([]);
  await refused(['table', 'truncate', id], 1, 'rows: 2', '--force');
  expect((await ask(['table', 'truncate', id, '--force'])).table).toMatchObject({ rowsCount: 0 });
  expect((await ask(['table', 'ls', 'in.c-shop'])).tables).toMatchObject([{ id }]);
  await refused(['bucket', 'rm', 'in.c-shop'], 1, id, '--force');
  await ask(['table', 'rm', id]);
  await refused(['table', 'show', id], 1, id);
  expect(await ask(['bucket', 'rm', 'in.c-shop'])).toMatchObject({ removedTables: [] });
  await refused(['bucket', 'show', 'in.c-shop'], 1, 'no bucket');
});

test('mistakes in a new table are told all at once', async () => {
  const columns = ['a b', 'x', 'X'].flatMap((column) => ['--column', column]);
  await refused(
    ['table', 'create', 'in.c-a.t', ...columns, '--primary-key', 'k'],
    1,
    'a b',
    'column 2',
    'primary key k',
  );
  await refused(['table', 'create', 'in.c-a.t'], 1, 'no columns');
  await refused(['table', 'create', 'in.c-a.t', '--column', 'a:MONEY'], 64, '"MONEY"', 'TIMESTAMP');
  await refused(['table', 'create', 'in.c-a.t', '--column', 'a', '--not-null', 'b'], 64, 'b');
  await refused(['table', 'create', 'a', '--column', 'a'], 1, 'not a table id');
  expect((await ask(['bucket', 'ls'])).buckets).toEqual([]);
});

test('an import without a key keeps the one that the table has', async () => {
  await ask(['import', 'in.c-k.t', '-', '--primary-key', 'id'], 'id,n\n1,a\n');
  expect((await ask(['import', 'in.c-k.t', '-', '--incremental'], 'id,n\n1,b\n')).warnings).toEqual([]);
  expect((await run(['export', 'in.c-k.t'])).stdout).toBe('"id","n"\n"1","b"\n');
});

test('metadata of buckets, tables and columns is set, shown and removed', async () => {
  await ask(['import', 'in.c-m.t', '-'], 'id\n1\n');
  for (const thing of ['in.c-m', 'in.c-m.t', 'in.c-m.t.id']) {
    await ask(['metadata', 'set', thing, 'colour', 'red']);
    await ask(['metadata', 'set', thing, 'colour', 'blue', '--provider', 'acme']);
    expect((await ask(['metadata', 'ls', thing])).metadata).toMatchObject([{ value: 'red' }, { value: 'blue' }]);
    expect(await ask(['metadata', 'rm', thing, 'colour', '--provider', 'user'])).toMatchObject({ removed: 1 });
  }
  const entry = { key: 'colour', value: 'blue', provider: 'acme', timestamp: expect.stringContaining('T') };
  const { table } = await ask(['show', 'in.c-m.t']);
  expect(table).toMatchObject({ metadata: [entry], columnMetadata: { id: [entry] } });
  const shown = (await run(['show', 'in.c-m.t'])).stdout;
  expect(shown).toContain('\ncolour = blue (acme)\nid: colour = blue (acme)\n');
  await refused(['metadata', 'set', 'in.c-m.t.none', 'a', 'b'], 1, 'no column none');
  await refused(['metadata', 'rm', 'in.c-m', 'none'], 1, '"none"');
  await refused(['metadata', 'ls', 'x'], 1, 'names no bucket');
});

test('files are put, found by tags, tagged, read and removed', async () => {
  const path = join(directory, 'photo.jpg');
  await writeFile(path, 'photo');
  const put = async (...args: readonly string[]) => (await ask(['file', 'put', ...args], 'piped')).file as number;
  const photo = await put(path, '--tag', 'raw', '--tag', 'photo', '--permanent');
  const piped = await put('-', '--name', 'piped.txt', '--tag', 'raw');
  const found = async (...args: readonly string[]) =>
    ((await ask(['file', 'ls', ...args])).files as { id: number }[]).map(({ id }) => id);
  expect(await found('--tag', 'raw')).toEqual([piped, photo]);
  expect(await found('--tag', 'raw', '--tag', 'photo')).toEqual([photo]);
  expect(await found('--tag', 'raw', '--exclude-tag', 'photo')).toEqual([piped]);
  expect(await found('--since', '2100-01-01')).toEqual([]);
  expect(await found('--limit', '1')).toEqual([piped]);
  expect((await ask(['file', 'tag', String(photo), 'done', 'seen'])).file.tags).toEqual([
    'raw',
    'photo',
    'done',
    'seen',
  ]);
  expect((await ask(['file', 'tag', String(photo), 'raw', '--remove'])).file.tags).toEqual(['photo', 'done', 'seen']);
  expect((await run(['file', 'get', String(piped)])).stdout).toBe('piped');
  const output = join(directory, 'copy.jpg');
  expect(await ask(['file', 'get', String(photo), '-o', output])).toMatchObject({ file: photo, bytes: 5, output });
  expect(await readFile(output, 'utf8')).toBe('photo');
  await refused(['file', 'rm', String(photo)], 1, 'photo.jpg', '--force');
  await ask(['file', 'rm', String(photo), '--force']);
  await refused(['file', 'get', String(photo)], 1, `no file ${photo}`);
  await refused(['file', 'rm', 'x', '--force'], 64, 'whole number');
});
