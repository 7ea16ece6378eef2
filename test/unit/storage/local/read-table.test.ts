import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../../../src/base/errors.ts';
import { type CsvTable, type ReadTable, readTable } from '../../../../src/storage/local/csv/read-table.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-read-table-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('reading a table', () => {
  test.each([
    ['a header and rows', 'id,name\n1,a\n2,b\n', ['id', 'name'], 2],
    ['a header only', '"id","name"', ['id', 'name'], 0],
    ['a byte order mark', '\ufeff"id",name\r\n1,a\r\n', ['id', 'name'], 1],
    ['names that need mending', 'dlažební  %_kostky,oid,Straße\n1,2,3\n', ['dlazebni__kostky', 'oid_', 'Strasse'], 1],
    ['one column with blank lines', 'a\n\n\n1\n', ['a'], 3],
  ])('counts the rows of %s', async (_, text, columns, rows) => {
    expect(await read(text)).toMatchObject({ columns, rows });
  });

  test('reads slices without a header, empty ones too', async () => {
    expect(await readSlices(['1,a\n', '', '\ufeff2,b\n3,c'], { columns: ['id', 'name'] })).toMatchObject({ rows: 3 });
    expect(await readSlices([], { columns: ['id'] })).toMatchObject({ rows: 0, columns: ['id'] });
  });

  test('skips a header that is not wanted, whatever its width', async () => {
    expect(await readSlices(['x\n1,a\n', 'y,z\n2,b\n'], { columns: ['id', 'name'], skipHeader: true })).toMatchObject({
      rows: 2,
    });
  });

  test.each([
    ['too few values', 'a,b\n1,2\n3\n', 3, 2, '1 value, 2 expected'],
    ['too many values', 'a,b\n"1\n",2,3\n', 3, 5, 'more values than the 2'],
    ['a blank line among several columns', 'a,b\n\n1,2\n', 2, 1, '1 value, 2 expected'],
    ['an open enclosure', 'a,b\né,"x\n\n', 2, 3, 'never closed'],
    ['text behind an enclosure', 'a,b\r\n1,"2"3\r\n', 2, 6, 'closing enclosure'],
    ['a NUL byte', 'a,b\n1,\0\n', 2, 3, 'NUL'],
    ['a name that appears twice', 'a,b,a\n', 1, 5, 'same as that of column 1'],
    ['names that become the same', 'ä,a\n', 1, 3, 'same as that of column 1'],
    ['an empty name', 'a,,b\n', 1, 3, 'no letter or digit'],
    ['a name that is too long', `a,${'x'.repeat(65)}\n`, 1, 3, 'longer than 64'],
    ['the system column', 'a,_timestamp\n', 1, 3, 'reserved'],
    ['an empty file', '', 1, 1, 'no header'],
  ])('refuses %s with line and column', async (_, text, line, column, message) => {
    const error = await refusal(read(text));
    expect(error.message).toContain('orders.csv');
    expect(error.message).toContain(message);
    expect(error.problems).toMatchObject([{ source: 'orders.csv', line, column }]);
  });

  test('refuses what is not UTF-8, across the border of two chunks too', async () => {
    const long = Buffer.alloc((1 << 20) - 3, 'x');
    const bad = Buffer.concat([Buffer.from('a\n'), long, Buffer.from([0xe2, 0x82])]);
    const error = await refusal(read(Buffer.concat([bad, Buffer.from('\n')])));
    expect(error.problems).toMatchObject([{ line: 2, column: long.length + 1 }]);
    await refusal(read(bad));
    const good = Buffer.concat([bad, Buffer.from([0xac])]);
    expect(await read(good)).toMatchObject({ rows: 1 });
  });

  test('names the slice that is wrong', async () => {
    const error = await refusal(readSlices(['1\n', '2,3\n'], { columns: ['id'] }));
    expect(error.problems).toMatchObject([{ source: 'orders.csv/1', line: 1, column: 3 }]);
  });

  test('reports every bad column at once', async () => {
    const error = await refusal(read('a,a,,_timestamp\n'));
    expect(error.problems).toHaveLength(3);
  });

  test.each([',,', '', '\n', '"', 'é'])('refuses the delimiter %j', async (delimiter) => {
    await refusal(readSlices(['1\n'], { columns: ['a'], csv: { delimiter, enclosure: '"' } }));
  });

  test('stops when it is told to', async () => {
    await expect(read('a\n1\n', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

let counter = 0;

async function read(text: string | Buffer, signal?: AbortSignal): Promise<ReadTable> {
  return readSlices([text], { columns: undefined }, signal);
}

async function readSlices(
  slices: readonly (string | Buffer)[],
  table: Partial<CsvTable>,
  signal = new AbortController().signal,
): Promise<ReadTable> {
  counter += 1;
  const folder = await mkdtemp(join(directory, `${counter}-`));
  const paths = slices.map((_, index) => join(folder, String(index)));
  await Promise.all(paths.map((path, index) => writeFile(path, slices[index] as string)));
  const csv = { delimiter: ',', enclosure: '"' };
  const whole = { source: 'orders.csv', paths, columns: undefined, skipHeader: false, csv, ...table };
  return readTable(whole, join(folder, 'target'), signal);
}

async function refusal(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}
