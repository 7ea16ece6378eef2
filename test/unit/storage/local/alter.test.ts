import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/base/column-types.ts';
import { addColumn, dropColumn, dropTable, setPrimaryKey, truncateTable } from '../../../../src/storage/local/alter.ts';
import { listBuckets } from '../../../../src/storage/local/buckets.ts';
import { setConfiguration } from '../../../../src/storage/local/configurations.ts';
import { findFiles } from '../../../../src/storage/local/files.ts';
import { importFile, importTable, type TableImport } from '../../../../src/storage/local/imports.ts';
import { initProject } from '../../../../src/storage/local/init.ts';
import type { LocalStorage } from '../../../../src/storage/local/local-storage.ts';
import { createTable } from '../../../../src/storage/local/make-table.ts';
import { bucketInfo, makeBucket, removeBucket } from '../../../../src/storage/local/manage-buckets.ts';
import { removeFile, tagFile, untagFile } from '../../../../src/storage/local/manage-files.ts';
import { listMetadata, putMetadata, removeMetadata, subjectOf } from '../../../../src/storage/local/manage-metadata.ts';
import { openLocalStorage } from '../../../../src/storage/local/open.ts';
import { renameTable } from '../../../../src/storage/local/rename.ts';
import { noRights } from '../../../../src/storage/local/rights.ts';
import { createToken } from '../../../../src/storage/local/tokens.ts';

let directory: string;
let storage: LocalStorage;
let counter = 0;
const next = (): string => {
  counter += 1;
  return String(counter);
};
const signal = new AbortController().signal;
const forced = { isForced: true };
const integer: ColumnType = { base: 'INTEGER', nullable: true };
const needed: ColumnType = { base: 'INTEGER', nullable: false };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-alter-'));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  const path = join(directory, next());
  await initProject({ path });
  storage = await openLocalStorage({ path });
});
afterEach(() => storage.close());

async function load(csv: string, options: Partial<TableImport> = {}): Promise<void> {
  const source = { stream: Readable.from(csv), name: 'test.csv' };
  await importTable(storage, { source, table: 'in.c-a.t', ...options }, signal);
}

async function exported(table = 'in.c-a.t'): Promise<string> {
  const path = join(directory, `export-${next()}`);
  await storage.exportTable({ table, path, columns: [] }, signal);
  return readFile(path, 'utf8');
}

describe('a table', () => {
  test('gets another id, and keeps all the rest', async () => {
    const columns = [{ name: 'id', type: needed }, { name: 'note' }];
    createTable(storage.parts, { id: 'in.c-a.t', columns, primaryKey: ['id'], description: 'Things' });
    putMetadata(storage.parts, subjectOf('in.c-a.t.note'), { key: 'k', value: 'v', provider: 'user' });
    await load('id,note\n1,x\n2,y\n', { incremental: true });
    await load('id,note\n2,z\n', { incremental: true });
    const before = await storage.table('in.c-a.t');
    const { catalogue, secrets } = storage.parts;
    const naming = { input: { tables: [{ source: 'in.c-a.t' }] } };
    const inRow = { rows: [{ id: 'r', configuration: JSON.stringify(naming) }] };
    setConfiguration(catalogue, secrets, 'acme.ex', { id: 'itself', configuration: JSON.stringify(naming) });
    setConfiguration(catalogue, secrets, 'acme.ex', { id: 'row', ...inRow });
    setConfiguration(catalogue, secrets, 'acme.ex', { id: 'other', configuration: '{"table":"in.c-a.ta"}' });
    const namedBy = renameTable(storage.parts, 'in.c-a.t', 'out.c-new.u');
    expect(namedBy.map(({ id }) => id)).toEqual(['itself', 'row']);
    const uri = before?.uri.replace('in.c-a.t', 'out.c-new.u');
    expect(await storage.table('out.c-new.u')).toEqual({ ...before, id: 'out.c-new.u', name: 'u', uri });
    expect((await exported('out.c-new.u')).split('\n').sort()).toEqual(['', '"1","x"', '"2","z"', '"id","note"']);
    expect(await storage.table('in.c-a.t')).toBeUndefined();
    // The old id is free, and both are tables of their own.
    await load('a\n7\n');
    expect(() => renameTable(storage.parts, 'out.c-new.u', 'in.c-a.t')).toThrow('there is a table in.c-a.t already');
    expect(() => renameTable(storage.parts, 'in.c-a.none', 'in.c-a.u')).toThrow('there is no table in.c-a.none');
    const misspelt = expect.objectContaining({ hint: expect.stringContaining('Did you mean out.c-new.u?') });
    expect(() => dropTable(storage.parts, 'out.c-nw.u', forced)).toThrow(misspelt);
    expect(() => renameTable(storage.parts, 'in.c-a.t', 'in.c-a')).toThrow('is not a table id');
    expect(await exported()).toBe('"a"\n"7"\n');
  });

  test('is renamed by whoever may write in both buckets', async () => {
    await load('a\n1\n');
    const { catalogue, guard } = storage.parts;
    const input = {
      description: 'one',
      expires: undefined,
      rights: { ...noRights, buckets: { 'in.c-a': 'write' as const } },
    };
    const { id } = createToken(catalogue, guard, input);
    const { parts } = storage.actingAs(id);
    expect(() => renameTable(parts, 'in.c-a.t', 'out.c-new.u')).toThrow('may not write bucket out.c-new');
    expect(listBuckets(storage.parts).map((bucket) => bucket.id)).toEqual(['in.c-a']);
    expect(renameTable(parts, 'in.c-a.t', 'in.c-a.u')).toEqual([]);
  });

  test('is made empty, with types and a key, and takes what fits', async () => {
    const columns = [{ name: 'id', type: needed }, { name: 'note' }];
    createTable(storage.parts, { id: 'in.c-a.t', columns, primaryKey: ['id'], description: 'Things' });
    expect(await storage.table('in.c-a.t')).toMatchObject({
      columns: ['id', 'note'],
      primaryKey: ['id'],
      types: { id: needed },
      description: 'Things',
      rowsCount: 0,
    });
    expect(await exported()).toBe('"id","note"\n');
    await load('id,note\n01,a\n1,b\n', { primaryKey: ['id'] });
    expect(await exported()).toBe('"id","note"\n"1","b"\n');
    await expect(load('id,note\nx,a\n')).rejects.toThrow('"x" does not fit');
    expect(() => createTable(storage.parts, { id: 'in.c-a.t', columns, primaryKey: [] })).toThrow('already');
  });

  test('that is wrong is refused with every problem', () => {
    const columns = [
      { name: 'a b' },
      { name: 'x' },
      { name: 'X' },
      { name: 'n', type: { ...integer, base: 'NUMERIC', length: 'z' } as const },
    ];
    expect(() => createTable(storage.parts, { id: 'in.c-a.t', columns, primaryKey: ['k'] })).toThrow(
      /same as that of column 2.*"a b" cannot name.*"z" is not a precision.*primary key k/s,
    );
    expect(listBuckets(storage.parts)).toEqual([]);
  });

  test('loses rows, columns and itself only by force', async () => {
    await load('id,n\n1,a\n2,b\n');
    expect(() => dropTable(storage.parts, 'in.c-a.t', { isForced: false })).toThrow('rows: 2');
    await expect(truncateTable(storage.parts, 'in.c-a.t', { isForced: false })).rejects.toThrow('rows: 2');
    const n = { id: 'in.c-a.t', column: 'n' };
    await expect(dropColumn(storage.parts, n, { isForced: false })).rejects.toThrow('rows: 2');
    await dropColumn(storage.parts, n, forced);
    expect(await exported()).toBe('"id"\n"1"\n"2"\n');
    await addColumn(storage.parts, 'in.c-a.t', { name: 'n' });
    expect(await exported()).toBe('"id","n"\n"1",""\n"2",""\n');
    await load('n,id\nx,3\n', { incremental: true });
    expect(await exported()).toBe('"id","n"\n"1",""\n"2",""\n"3","x"\n');
    await truncateTable(storage.parts, 'in.c-a.t', forced);
    expect(await storage.table('in.c-a.t')).toMatchObject({ rowsCount: 0, dataSizeBytes: 0, columns: ['id', 'n'] });
    dropTable(storage.parts, 'in.c-a.t', { isForced: false });
    expect(await storage.table('in.c-a.t')).toBeUndefined();
    expect(storage.parts.catalogue.all("SELECT * FROM metadata WHERE kind <> 'bucket'")).toEqual([]);
    await load('id\n9\n');
    expect(await exported()).toBe('"id"\n"9"\n');
    expect(await readdir(storage.parts.folder.staged)).toEqual([]);
  });

  test('keeps what was dropped out of a commit that was prepared before', async () => {
    await load('id\n1\n', { primaryKey: ['id'] });
    const source = join(directory, 'source.csv');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(source, 'id\n2\n');
    const staged = await storage.stageTable(
      'c',
      {
        source: 'source.csv',
        destination: 'in.c-a.t',
        paths: [source],
        skipHeader: false,
        csv: { delimiter: ',', enclosure: '"' },
        incremental: true,
        primaryKey: ['id'],
        distributionKey: [],
        metadata: [],
        columnMetadata: {},
        provider: 'x',
        origin: { component: undefined, configuration: undefined, configurationRow: undefined },
      },
      signal,
    );
    dropTable(storage.parts, 'in.c-a.t', forced);
    await storage.commit({ id: 'c', tables: [staged], files: [], processedTags: [], states: [] });
    expect(await exported()).toBe('"id"\n"2"\n');
  });

  test('gets another key where its rows are unique under it, merged under the old one first', async () => {
    await load('id,n\n1,a\n2,b\n', { primaryKey: ['id'] });
    await load('id,n\n1,c\n', { primaryKey: ['id'], incremental: true });
    await setPrimaryKey(storage.parts, 'in.c-a.t', ['n']);
    expect(await storage.table('in.c-a.t')).toMatchObject({ primaryKey: ['n'], rowsCount: 2 });
    expect(await exported()).toBe('"id","n"\n"2","b"\n"1","c"\n');
    await load('id,n\n3,c\n', { primaryKey: ['n'], incremental: true });
    expect(await exported()).toBe('"id","n"\n"2","b"\n"3","c"\n');
    await setPrimaryKey(storage.parts, 'in.c-a.t', []);
    await load('id,n\n3,c\n', { incremental: true });
    await expect(setPrimaryKey(storage.parts, 'in.c-a.t', ['n'])).rejects.toThrow('not unique');
    await expect(setPrimaryKey(storage.parts, 'in.c-a.t', ['x'])).rejects.toThrow('no column x');
    await expect(setPrimaryKey(storage.parts, 'in.c-a.t', ['n', 'n'])).rejects.toThrow('twice');
    await expect(setPrimaryKey(storage.parts, 'in.c-a.none', ['n'])).rejects.toThrow('no table');
    expect(await readdir(storage.parts.folder.staged)).toEqual([]);
  });

  test('gets columns that can be empty, and never one twice', async () => {
    createTable(storage.parts, { id: 'in.c-a.t', columns: [{ name: 'id', type: integer }], primaryKey: [] });
    await addColumn(storage.parts, 'in.c-a.t', { name: 'n', type: needed });
    await load('id,n\n1,2\n');
    await expect(addColumn(storage.parts, 'in.c-a.t', { name: 'm', type: needed })).rejects.toThrow('has rows');
    await expect(addColumn(storage.parts, 'in.c-a.t', { name: 'N' })).rejects.toThrow('same as');
    await addColumn(storage.parts, 'in.c-a.t', { name: 'm', type: integer });
    expect((await storage.table('in.c-a.t'))?.types).toEqual({ id: integer, n: needed, m: integer });
    await load('a\nx\n', { table: 'in.c-a.plain' });
    await expect(addColumn(storage.parts, 'in.c-a.plain', { name: 'b', type: integer })).rejects.toThrow('not typed');
    await expect(dropColumn(storage.parts, { id: 'in.c-a.plain', column: 'a' }, forced)).rejects.toThrow('only column');
  });
});

test('a bucket goes when it is empty, or with its tables by force', async () => {
  makeBucket(storage.parts, 'in.c-a', { description: 'First' });
  expect(bucketInfo(storage.parts, 'in.c-a').metadata).toMatchObject([
    { key: 'KBC.description', value: 'First', provider: 'user' },
  ]);
  expect(() => makeBucket(storage.parts, 'in.c-a')).toThrow('already');
  for (const id of ['in.a', 'sys.c-a', 'in.c-', 'in.c-a.b', 'x'])
    expect(() => makeBucket(storage.parts, id)).toThrow('not a bucket id');
  await load('a\n1\n');
  expect(() => removeBucket(storage.parts, 'in.c-a', { isForced: false })).toThrow('in.c-a.t');
  expect(removeBucket(storage.parts, 'in.c-a', forced)).toEqual(['in.c-a.t']);
  expect(() => removeBucket(storage.parts, 'in.c-a', forced)).toThrow('no bucket');
  expect(storage.parts.catalogue.all('SELECT * FROM metadata')).toEqual([]);
  makeBucket(storage.parts, 'in.c-a');
  expect(removeBucket(storage.parts, 'in.c-a', { isForced: false })).toEqual([]);
});

test('metadata is set, kept apart by provider, and removed', async () => {
  await load('constructor,b\n1,2\n');
  const column = subjectOf('in.c-a.t.constructor');
  expect(listMetadata(storage.parts, column)).toEqual([]);
  putMetadata(storage.parts, column, { provider: 'user', key: 'colour', value: 'red' });
  const [first] = listMetadata(storage.parts, column);
  putMetadata(storage.parts, column, { provider: 'user', key: 'colour', value: 'blue' });
  putMetadata(storage.parts, column, { provider: 'other', key: 'colour', value: '' });
  expect(listMetadata(storage.parts, column)).toMatchObject([{ id: first?.id, value: 'blue' }, { provider: 'other' }]);
  expect((await storage.table('in.c-a.t'))?.columnMetadata).toHaveProperty('constructor');
  expect(removeMetadata(storage.parts, column, { key: 'colour', provider: 'other' })).toBe(1);
  expect(removeMetadata(storage.parts, column, { key: 'colour' })).toBe(1);
  expect(() => removeMetadata(storage.parts, column, { key: 'colour' })).toThrow('no metadata');
  for (const subject of ['in.c-none', 'in.c-a.none', 'in.c-a.t.none'])
    expect(() => putMetadata(storage.parts, subjectOf(subject), { provider: 'p', key: 'k', value: 'v' })).toThrow(
      'no ',
    );
  for (const text of ['a', 'a.b.c.d.e']) expect(() => subjectOf(text)).toThrow('names no bucket');
  expect(() => putMetadata(storage.parts, column, { provider: 'p', key: '', value: 'v' })).toThrow('key');
});

test('files are tagged, untagged and removed', async () => {
  const id = await importFile(storage, { source: { stream: Readable.from('x'), name: 'x' }, tags: ['a'] }, signal);
  tagFile(storage.parts, id, ['b', 'a']);
  untagFile(storage.parts, id, ['a', 'none']);
  expect(findFiles(storage.parts.catalogue, 'all', { limit: 1 })[0]?.tags).toEqual(['b']);
  removeFile(storage.parts, id);
  expect(findFiles(storage.parts.catalogue, 'all', { limit: 1 })).toEqual([]);
  for (const work of [tagFile, untagFile]) expect(() => work(storage.parts, id, ['a'])).toThrow('no file');
  expect(() => removeFile(storage.parts, id)).toThrow('no file');
});
