import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseTypes, type ColumnType, type ColumnTypes, canonicalValue } from '../../src/base/column-types.ts';
import { UserError } from '../../src/base/errors.ts';
import type {
  Commit,
  FileUpload,
  LoadTyping,
  StagedTable,
  Storage,
  TableExport,
  TableLoad,
} from '../../src/job/storage.ts';

/** A Storage to test, and what the port has no words for. */
export interface StorageUnderTest {
  readonly storage: Storage;
  addComponent(id: string, definition: string): Promise<void>;
  setConfiguration(
    component: string,
    config: { id: string; state?: string; configuration?: string; rows?: readonly { id: string; state?: string }[] },
  ): Promise<void>;
  isTokenValid(secret: string): Promise<boolean>;
  /** The same Storage for a token that may only this, with its own files; `revoke` makes the token worthless. */
  withRights(rights: LimitedRights): Promise<{ readonly storage: Storage; revoke(): Promise<void> }>;
  /** Forgets everything this suite made, and closes the Storage. */
  end(): Promise<void>;
}

/** Buckets by their ids. */
export interface LimitedRights {
  readonly buckets?: Readonly<Record<string, 'read' | 'write'>>;
  readonly components?: 'read';
  readonly configurations?: 'read' | 'run';
}

/** What every implementation of the Storage port promises. */
export function storageSuite(name: string, start: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a Storage`, () => {
    let under: StorageUnderTest;
    let storage: Storage;
    let directory: string;
    let counter = 0;
    const signal = new AbortController().signal;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'componentd-storage-'));
      under = await start();
      storage = under.storage;
    });
    afterAll(async () => {
      await under?.end();
      await rm(directory, { recursive: true, force: true });
    });

    const fresh = (kind: string): string => {
      counter += 1;
      return `${kind}${counter}`;
    };
    const newTable = (): string => `in.c-suite.${fresh('table')}`;
    const newPath = (): string => join(directory, fresh('file-'));

    async function source(content: string | Buffer): Promise<string> {
      const path = newPath();
      await writeFile(path, content);
      return path;
    }

    async function stage(
      id: string,
      csv: string | readonly string[],
      load: Partial<TableLoad> & { destination: string },
      stop = signal,
    ) {
      const paths = await Promise.all((typeof csv === 'string' ? [csv] : csv).map(source));
      const whole: TableLoad = {
        source: 'source.csv',
        paths,
        skipHeader: false,
        csv: { delimiter: ',', enclosure: '"' },
        incremental: false,
        primaryKey: [],
        distributionKey: [],
        metadata: [],
        columnMetadata: {},
        provider: 'acme.component',
        origin: { component: 'acme.component', configuration: '12', configurationRow: undefined },
        ...load,
      };
      return storage.stageTable(id, whole, stop);
    }

    function commitOf(id: string, parts: Partial<Commit>): Commit {
      return { id, tables: [], files: [], processedTags: [], states: [], ...parts };
    }

    async function load(csv: string | readonly string[], options: Partial<TableLoad> & { destination: string }) {
      const id = fresh('commit-');
      return storage.commit(commitOf(id, { tables: [await stage(id, csv, options)] }));
    }

    async function loadIncremental(csv: string, destination: string, primaryKey: readonly string[]): Promise<void> {
      await load(csv, { destination, primaryKey, incremental: true });
    }

    async function exported(table: string, options: Partial<TableExport> = {}): Promise<string> {
      const path = newPath();
      const answer = await storage.exportTable({ table, path, columns: [], ...options }, signal);
      const text = await readFile(path, 'utf8');
      expect(answer.bytes).toBe(Buffer.byteLength(text));
      return text;
    }

    async function upload(id: string, content: string, options: Partial<FileUpload> = {}) {
      const path = await source(content);
      const flags = { isPublic: false, isPermanent: false, isEncrypted: true };
      return storage.stageFile(id, { name: 'report.txt', path, tags: [], ...flags, ...options }, signal);
    }

    async function refusal(work: Promise<unknown>): Promise<UserError> {
      const error = await work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(UserError);
      return error as UserError;
    }

    describe('tables', () => {
      test('come back in the canonical form: every value quoted, header first, order kept', async () => {
        const destination = newTable();
        const result = await load('id,"na me"\n007,NULL\n"","x\ny"\n  z,"q""q"\n,é', { destination });
        expect(result.tables).toEqual([
          { id: destination, name: destination.split('.')[2], columns: ['id', 'na_me'], importedRows: 4 },
        ]);
        expect(await exported(destination)).toBe('"id","na_me"\n"007","NULL"\n"","x\ny"\n"  z","q""q"\n"","é"\n');
      });

      test('survive a round trip whatever they hold', async () => {
        const cell = fc.string({
          unit: fc.constantFrom(
            'a',
            'B',
            '0',
            '"',
            '""',
            ',',
            ';',
            '\t',
            '\n',
            '\r\n',
            '\r',
            ' ',
            "'",
            '\\',
            'é',
            '💩',
            '#',
          ),
          maxLength: 12,
        });
        const words = fc.constantFrom(
          'NULL',
          'null',
          '\\N',
          '007',
          '1e5',
          'true',
          '',
          ' ',
          'NaN',
          '-0',
          '1.0',
          '\ufeff',
        );
        const table = fc.integer({ min: 1, max: 6 }).chain((columns) =>
          fc
            .array(fc.array(fc.oneof(cell, words), { minLength: columns, maxLength: columns }), {
              minLength: 0,
              maxLength: 30,
            })
            .map((rows) => ({ columns, rows })),
        );
        const dialect = fc.record({
          delimiter: fc.constantFrom(',', ';', '\t', '|'),
          enclosure: fc.constantFrom('"', "'"),
          end: fc.constantFrom('\n', '\r\n'),
          mark: fc.constantFrom('', '\ufeff'),
          isTerse: fc.boolean(),
          endsWithNewline: fc.boolean(),
        });
        await fc.assert(
          fc.asyncProperty(table, dialect, async ({ columns, rows }, written) => {
            const destination = newTable();
            const header = Array.from({ length: columns }, (_, index) => `c_${index}`);
            await load(csvOf([header, ...rows], written), { destination, csv: written });
            expect(await exported(destination)).toBe(canonical([header, ...rows]));
            expect((await storage.table(destination))?.rowsCount).toBe(rows.length);
          }),
          { numRuns: 60 },
        );
      });

      test('are exported by columns, values, age and number', async () => {
        const destination = newTable();
        await load('id,kind,n\n1,a,x\n2,b,y\n3,a,z\n4,c,\n', { destination });
        expect(await exported(destination, { columns: ['n', 'id'] })).toBe(
          '"n","id"\n"x","1"\n"y","2"\n"z","3"\n"","4"\n',
        );
        const where = { column: 'kind', operator: 'eq', values: ['a', "it's"] } as const;
        expect(await exported(destination, { where, columns: ['id'] })).toBe('"id"\n"1"\n"3"\n');
        expect(await exported(destination, { where: { ...where, operator: 'ne' }, columns: ['id'] })).toBe(
          '"id"\n"2"\n"4"\n',
        );
        expect(
          await exported(destination, { where: { column: 'n', operator: 'eq', values: [''] }, columns: ['id'] }),
        ).toBe('"id"\n"4"\n');
        expect(await exported(destination, { where: { ...where, values: ['\0'] }, limit: 1 })).toBe(
          '"id","kind","n"\n',
        );
        expect(await exported(destination, { limit: 2, columns: ['id'] })).toBe('"id"\n"1"\n"2"\n');
        expect(await exported(destination, { changedSince: '2100-01-01T00:00:00+0000', columns: ['id'] })).toBe(
          '"id"\n',
        );
        expect(await exported(destination, { changedSince: '2000-01-01T00:00:00+0000', limit: 1 })).toBe(
          '"id","kind","n"\n"1","a","x"\n',
        );
      });

      test('are not exported over something', async () => {
        const destination = newTable();
        await load('id\n1\n', { destination });
        const path = await source('precious');
        await expect(storage.exportTable({ table: destination, path, columns: [] }, signal)).rejects.toThrow();
        expect(await readFile(path, 'utf8')).toBe('precious');
      });

      test('are refused by name when they, their columns or their dates do not exist', async () => {
        const destination = newTable();
        await load('id\n1\n', { destination });
        const none = 'in.c-suite.nothing';
        expect(await storage.table(none)).toBeUndefined();
        expect((await refusal(exported(none))).message).toContain(none);
        expect((await refusal(exported(destination, { columns: ['id', 'nope'] }))).message).toContain('nope');
        const where = { column: 'nope', operator: 'eq', values: ['1'] } as const;
        expect((await refusal(exported(destination, { where }))).message).toContain('nope');
        expect((await refusal(exported(destination, { changedSince: 'soon' }))).message).toContain('soon');
      });

      test.each([
        'in.c-suite',
        'in.c-suite.a.b',
        'x.c-suite.a',
        'in.suite.a',
        'in.c-su ite.a',
        'in.c-suite.',
        'in.c-suite.ä',
      ])('cannot be called %j', async (destination) => {
        await refusal(stage(fresh('commit-'), 'id\n1\n', { destination }));
      });

      test('with a header only, and without columns in the file, are empty tables', async () => {
        const [first, second] = [newTable(), newTable()];
        await load('"id","name"\n', { destination: first });
        await load([], { destination: second, columns: ['id'] });
        expect(await exported(first)).toBe('"id","name"\n');
        expect(await exported(second)).toBe('"id"\n');
        expect(await storage.table(second)).toMatchObject({ rowsCount: 0, columns: ['id'] });
      });

      test('are one from several slices, in their order', async () => {
        const destination = newTable();
        await load(['1,a\n', '', '2,b'], { destination, columns: ['id', 'name'] });
        expect(await exported(destination)).toBe('"id","name"\n"1","a"\n"2","b"\n');
      });

      test('that are damaged are refused with source, line and column, and nothing is there', async () => {
        const destination = newTable();
        const error = await refusal(load('id,name\n1,a\n2\n', { destination }));
        expect(error.problems).toMatchObject([{ source: 'source.csv', line: 3, column: 2 }]);
        expect(await storage.table(destination)).toBeUndefined();
      });

      test('take a record of many megabytes', async () => {
        const destination = newTable();
        const value = 'ab""\n'.repeat(8 << 20);
        await load(`id,text\n1,"${value}"\n2,short\n`, { destination });
        expect(await exported(destination)).toBe(`"id","text"\n"1","${value}"\n"2","short"\n`);
      });
    });

    describe('loads', () => {
      test('replace the rows, and only add columns', async () => {
        const destination = newTable();
        await load('id,name\n1,a\n2,b\n', { destination });
        await load('size,id\nbig,3\n', { destination });
        expect(await exported(destination)).toBe('"id","name","size"\n"3","","big"\n');
      });

      test('with a column that differs only in letter case are refused, within a file and beside the table', async () => {
        const destination = newTable();
        expect((await refusal(load('a,A\n1,2\n', { destination }))).message).toContain('"A" is the same as');
        await load('a\n1\n', { destination });
        expect((await refusal(load('A\n2\n', { destination, incremental: true }))).message).toContain('letter case');
        expect(await exported(destination)).toBe('"a"\n"1"\n');
      });

      test('append when they are incremental and there is no key', async () => {
        const destination = newTable();
        await load('id,name\n1,a\n', { destination, incremental: true });
        await load('id,size\n1,big\n', { destination, incremental: true });
        expect(await exported(destination)).toBe('"id","name","size"\n"1","a",""\n"1","","big"\n');
        expect((await storage.table(destination))?.rowsCount).toBe(2);
      });

      test('keep one row per key: the last, where it came', async () => {
        const destination = newTable();
        const keyed = { destination, primaryKey: ['id', 'day'] };
        await load('id,day,n\n1,mo,a\n1,tu,b\n2,mo,c\n1,mo,d\n', keyed);
        expect(await exported(destination)).toBe('"id","day","n"\n"1","tu","b"\n"2","mo","c"\n"1","mo","d"\n');
        const result = await load('n,id,day\nx,2,mo\ny,3,mo\nz,3,mo\n', { ...keyed, incremental: true });
        expect(result).toMatchObject({ tables: [{ importedRows: 3 }], warnings: [] });
        expect(await exported(destination)).toBe(
          '"id","day","n"\n"1","tu","b"\n"1","mo","d"\n"2","mo","x"\n"3","mo","z"\n',
        );
        expect((await storage.table(destination))?.rowsCount).toBe(4);
      });

      test('leave the same table as a plain map would, however many there are', async () => {
        const row = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom('a', 'b', ''));
        const loads = fc.array(fc.record({ incremental: fc.boolean(), rows: fc.array(row, { maxLength: 6 }) }), {
          minLength: 1,
          maxLength: 14,
        });
        await fc.assert(
          fc.asyncProperty(loads, fc.boolean(), async (series, hasKey) => {
            const destination = newTable();
            let expected: [number, string][] = [];
            for (const { incremental, rows } of series) {
              const header = [['id', 'value']];
              const csv = canonical([...header, ...rows.map(([id, value]) => [String(id), value])]);
              await load(csv, { destination, incremental, primaryKey: hasKey ? ['id'] : [] });
              expected = incremental ? [...expected, ...rows] : rows;
              if (hasKey)
                expected = expected.filter(([id], index) => !expected.slice(index + 1).some(([later]) => later === id));
            }
            const wanted = canonical([['id', 'value'], ...expected.map(([id, value]) => [String(id), value])]);
            expect(await exported(destination)).toBe(wanted);
            expect((await storage.table(destination))?.rowsCount).toBe(expected.length);
          }),
          { numRuns: 8 },
        );
      }, 120_000);

      test('keep the order of many rows, appended and merged', async () => {
        const [plain, keyed] = [newTable(), newTable()];
        const count = 250_000;
        const rowsOf = (load: number) =>
          Array.from({ length: count }, (_, index) => [
            `${(index * 7919 + load * 100_000) % 600_000}`,
            `${load}.${index}`,
          ]);
        for (const load of [1, 2, 3]) {
          const csv = canonical([['id', 'n'], ...rowsOf(load)]);
          await loadIncremental(csv, plain, []);
          await loadIncremental(csv, keyed, ['id']);
        }
        const rows = [1, 2, 3].flatMap(rowsOf);
        expect((await exported(plain)) === canonical([['id', 'n'], ...rows])).toBe(true);
        const last = new Map(rows.map(([id], index) => [id, index]));
        const merged = rows.filter(([id], index) => last.get(id) === index);
        expect((await exported(keyed)) === canonical([['id', 'n'], ...merged])).toBe(true);
        expect(
          (await exported(keyed, { limit: 200_000 })) === canonical([['id', 'n'], ...merged.slice(0, 200_000)]),
        ).toBe(true);
      });

      test('tell rows by the load they came with, to the second', async () => {
        const destination = newTable();
        const keyed = { destination, primaryKey: ['id'], incremental: true };
        await load('id,n\n1,a\n2,b\n', keyed);
        const first = (await storage.table(destination))?.lastImportDate as string;
        expect(first).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/);
        expect(await exported(destination, { changedSince: first })).toBe('"id","n"\n');
        for (let index = 3; index < 15; index += 1) await load(`id,n\n2,c\n${index},x\n`, keyed);
        const changed = [...Array.from({ length: 11 }, (_, index) => [`${index + 3}`, 'x']), ['2', 'c'], ['14', 'x']];
        expect(await exported(destination, { changedSince: first })).toBe(canonical([['id', 'n'], ...changed]));
        expect(await exported(destination, { changedSince: first, limit: 1 })).toBe('"id","n"\n"3","x"\n');
        const last = (await storage.table(destination))?.lastImportDate as string;
        await load('id,n\n99,y\n', keyed);
        expect(await exported(destination, { changedSince: last })).toBe('"id","n"\n"99","y"\n');
      });

      test('change the primary key with a warning when the rows allow it', async () => {
        const destination = newTable();
        await load('id,n\n1,a\n2,a\n', { destination, primaryKey: ['id'] });
        const refused = await load('id,n\n3,b\n', { destination, primaryKey: ['n'], incremental: true });
        expect(refused.warnings).toEqual([expect.stringContaining('not unique')]);
        expect(await storage.table(destination)).toMatchObject({ primaryKey: ['id'], rowsCount: 3 });
        const dropped = await load('id,n\n3,c\n', { destination, incremental: true });
        expect(dropped.warnings).toEqual([expect.stringContaining('changed from id to none')]);
        expect(await exported(destination)).toBe('"id","n"\n"1","a"\n"2","a"\n"3","b"\n"3","c"\n');
        await load('id,n\n5,e\n', { destination, primaryKey: ['n'] });
        expect(await storage.table(destination)).toMatchObject({ primaryKey: ['n'], rowsCount: 1 });
      });

      test('are refused together, each by name, and nothing is visible', async () => {
        const [good, bad, worse] = [newTable(), newTable(), newTable()];
        const id = fresh('commit-');
        const tables = [
          await stage(id, 'id\n1\n', { destination: good }),
          await stage(id, 'id\n1\n', { destination: bad, primaryKey: ['code'] }),
          await stage(id, 'id\n1\n', { destination: worse, primaryKey: ['id', 'key'] }),
        ];
        const files = [await upload(id, 'x', { tags: [id] })];
        const error = await refusal(storage.commit(commitOf(id, { tables, files })));
        expect(error.message.split('\n')).toEqual([expect.stringContaining(bad), expect.stringContaining(worse)]);
        expect(error.message).toContain('code');
        for (const table of [good, bad, worse]) expect(await storage.table(table)).toBeUndefined();
        expect(await storage.findFiles({ includeTags: [id], limit: 1 })).toEqual([]);
        await storage.discard(id);
      });

      test('into one table come in their order within a commit', async () => {
        const destination = newTable();
        const id = fresh('commit-');
        const tables: StagedTable[] = [
          await stage(id, 'id\n1\n', { destination }),
          await stage(id, 'id,n\n2,b\n', { destination, incremental: true }),
        ];
        await storage.commit(commitOf(id, { tables }));
        expect(await exported(destination)).toBe('"id","n"\n"1",""\n"2","b"\n');
      });

      test('leave metadata that says who made and who updated a table', async () => {
        const destination = newTable();
        const columnMetadata = { id: [{ key: 'KBC.datatype.basetype', value: 'INTEGER' }] };
        const metadata = [{ key: 'colour', value: 'red' }];
        await load('id\n1\n', { destination, metadata, columnMetadata, description: 'numbers' });
        const created = await storage.table(destination);
        const origin = { component: 'acme.other', configuration: '13', configurationRow: '7' };
        await load('id\n1\n', { destination, metadata: [{ key: 'colour', value: 'blue' }], origin });
        const updated = await storage.table(destination);
        const entries = (table: typeof created) =>
          table?.metadata.map(({ provider, key, value }) => `${provider} ${key} ${value}`);
        expect(entries(created)).toEqual([
          'system KBC.createdBy.component.id acme.component',
          'system KBC.createdBy.configuration.id 12',
          'acme.component colour red',
          'acme.component KBC.description numbers',
        ]);
        expect(entries(updated)).toEqual([
          'system KBC.createdBy.component.id acme.component',
          'system KBC.createdBy.configuration.id 12',
          'acme.component colour blue',
          'acme.component KBC.description numbers',
          'system KBC.lastUpdatedBy.component.id acme.other',
          'system KBC.lastUpdatedBy.configuration.id 13',
          'system KBC.lastUpdatedBy.configurationRow.id 7',
        ]);
        expect(updated?.metadata[2]?.id).toBe(created?.metadata[2]?.id);
        expect(updated).toMatchObject({ description: 'numbers' });
        expect(updated?.columnMetadata).toMatchObject({ id: [{ provider: 'acme.component', value: 'INTEGER' }] });
      });
    });

    describe('typed tables', () => {
      const text = (nullable = true): ColumnType => ({ base: 'STRING', nullable });
      const flag: ColumnType = { base: 'BOOLEAN', nullable: true, default: 'false' };
      const types: ColumnTypes = {
        id: { base: 'INTEGER', nullable: false },
        price: { base: 'NUMERIC', length: '10,2', nullable: true, native: { snowflake: { type: 'NUMBER' } } },
        at: { base: 'TIMESTAMP', nullable: true },
        constructor: flag,
        note: text(false),
      };
      const typed = (more: Partial<LoadTyping> = {}): LoadTyping => {
        return { types, isAuthoritative: false, emptyIsNull: true, ...more };
      };
      const header = 'id,price,at,constructor,note';

      test('tell their types, and give values back in the canonical text of each', async () => {
        const destination = newTable();
        await load(`${header}\n007,1.5,2024-02-29T10:20Z,YES,\n2,,,,  x\n`, { destination, typing: typed() });
        expect((await storage.table(destination))?.types).toEqual(types);
        const canonical = `"id","price","at","constructor","note"\n"7","1.50","2024-02-29 10:20:00+00:00","true",""\n"2","","","","  x"\n`;
        expect(await exported(destination)).toBe(canonical);
        await load(canonical, { destination });
        expect(await exported(destination)).toBe(canonical);
        const where = { column: 'price', operator: 'eq', values: ['01.5', 'x'] } as const;
        expect(await exported(destination, { where, columns: ['id'] })).toBe('"id"\n"7"\n');
      });

      test.each([
        ['1,1.555,,,', 'price', 'NUMERIC(10,2)', '"1.555"', 3],
        [',1,,,', 'id', 'INTEGER not null', 'empty', 1],
        [`1,1,${'9'.repeat(5000)},,`, 'at', 'TIMESTAMP', '9…', 5],
        ['1,1,"2024-01-01\n",,', 'at', 'TIMESTAMP', '\\n', 5],
        ['1,1,2024-01-01,maybe,', 'constructor', 'BOOLEAN', '"maybe"', 16],
      ])('refuse %s with line and column, and nothing is loaded', async (row, column, type, value, at) => {
        const destination = newTable();
        await load(`${header}\n7,1,,,\n`, { destination, typing: typed() });
        const before = await exported(destination);
        for (const typing of [typed(), undefined]) {
          const error = await refusal(
            load(`${header}\n1,1,,,\n${row}\n`, { destination, incremental: true, ...(typing && { typing }) }),
          );
          for (const part of ['source.csv', `"${column}"`, type, value]) expect(error.message).toContain(part);
          expect(error.message.length).toBeLessThan(300);
          expect(error.problems).toMatchObject([{ source: 'source.csv', line: 3, column: at }]);
        }
        expect(await exported(destination)).toBe(before);
      });

      test('give canonical values back byte for byte', async () => {
        const type = fc.record({ base: fc.constantFrom(...baseTypes), nullable: fc.boolean() });
        const text = fc.oneof(
          fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }).map(String),
          fc.double().map(String),
          fc
            .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
            .map((date) => date.toISOString()),
          fc.constantFrom('true', 'no', '007', '1.50', '2024-02-29', ''),
        );
        const column = fc.tuple(type, fc.array(text, { minLength: 4, maxLength: 4 }));
        await fc.assert(
          fc.asyncProperty(fc.array(column, { minLength: 1, maxLength: 4 }), async (columns) => {
            const destination = newTable();
            const names = columns.map((_, index) => `c${index}`);
            const values = columns.map(([one, texts]) => {
              const fitting = texts
                .flatMap((value) => canonicalValue(one)(value) ?? [])
                .filter((value) => value !== '');
              return fitting.length === 0 ? undefined : fitting;
            });
            const rows = [0, 1, 2, 3].map((row) => values.map((fitting) => fitting?.[row % fitting.length] ?? ''));
            const brought = columns.map(([one], index) => [
              names[index],
              { ...one, nullable: one.nullable || values[index] === undefined },
            ]);
            const csv = canonical([names, ...rows]);
            await load(csv, { destination, typing: typed({ types: Object.fromEntries(brought) }) });
            expect(await exported(destination)).toBe(csv);
          }),
          { numRuns: 25 },
        );
      });

      test('merge by the value, not by how it is written', async () => {
        const destination = newTable();
        const keyed = { destination, primaryKey: ['id'], incremental: true, typing: typed() };
        await load(`${header}\n1,1,,,a\n2,1,,,b\n`, keyed);
        await load(`${header}\n+01,1,,,c\n`, keyed);
        expect(await exported(destination, { columns: ['id', 'note'] })).toBe('"id","note"\n"2","b"\n"1","c"\n');
      });

      test('take an empty value for none unless they are told not to', async () => {
        const destination = newTable();
        await load(`${header}\n1,,,,\n`, { destination, typing: typed() });
        const error = await refusal(load(`${header}\n1,,,,\n`, { destination, typing: typed({ emptyIsNull: false }) }));
        expect(error.message).toContain('price');
      });

      test('keep their types, get those of new columns, and need what cannot be empty', async () => {
        const destination = newTable();
        await load(`${header}\n1,1,,,a\n`, { destination, typing: typed() });
        const other = {
          ...types,
          id: text(),
          at: { base: 'DATE', nullable: true },
          day: { base: 'DATE', nullable: true },
        } as const;
        const result = await load('id,day\n01,2024-01-01\n', {
          destination,
          incremental: true,
          typing: typed({ types: other }),
        });
        expect(result.warnings).toEqual([expect.stringContaining('id, at')]);
        expect((await storage.table(destination))?.types).toEqual({ ...types, day: other.day });
        expect(await exported(destination, { columns: ['id', 'day'] })).toBe('"id","day"\n"1",""\n"1","2024-01-01"\n');
        const absent = await refusal(load('price\n1\n', { destination }));
        expect(absent.message).toContain('"id" is INTEGER not null and the load does not have it');
        const needed = { ...types, n: { base: 'FLOAT', nullable: false } } as const;
        const added = await refusal(
          load('id,n\n3,1\n', { destination, incremental: true, typing: typed({ types: needed }) }),
        );
        expect(added.message).toContain('"n" is FLOAT not null, and the table has rows without it');
        await load('id,n\n3,1e3\n', { destination, typing: typed({ types: needed }) });
        expect(await exported(destination, { columns: ['id', 'n'] })).toBe('"id","n"\n"3","1000"\n');
      });

      test('are refused to an author whose types must be theirs, and others stay texts', async () => {
        const [destination, plain] = [newTable(), newTable()];
        await load(`${header}\n1,1,,,a\n`, { destination, typing: typed() });
        const strict = typed({ isAuthoritative: true });
        await load(`${header}\n2,1,,,a\n`, { destination, typing: strict });
        const wrong = typed({ isAuthoritative: true, types: { ...types, id: { base: 'INTEGER', nullable: true } } });
        const error = await refusal(load(`${header}\n2,1,,,a\n`, { destination, typing: wrong }));
        expect(error.message).toContain('"id" is INTEGER not null in the table and INTEGER in the schema');
        await load('id\nx\n', { destination: plain });
        expect((await refusal(load('id\n1\n', { destination: plain, typing: strict }))).message).toContain('not typed');
        const result = await load('id\n01\ny\n', { destination: plain, typing: typed() });
        expect(result.warnings).toEqual([expect.stringContaining('values stay text: id')]);
        expect(await exported(plain)).toBe('"id"\n"01"\n"y"\n');
        expect((await storage.table(plain))?.types).toBeUndefined();
      });

      test('are not bent by a load that was staged before they had their types', async () => {
        const destination = newTable();
        const id = fresh('commit-');
        const tables = [await stage(id, `${header}\nx,y,z,a,b\n`, { destination, incremental: true })];
        await load(`${header}\n1,1,,,a\n`, { destination, typing: typed() });
        const error = await refusal(storage.commit(commitOf(id, { tables })));
        expect(error.message).toContain('"id" is INTEGER not null since another load');
        expect((await storage.table(destination))?.rowsCount).toBe(1);
      });

      test('name the headers that they keep under another name', async () => {
        const staged = await stage(fresh('commit-'), 'na me,b\n1,2\n', { destination: newTable() });
        expect(staged.renamed).toEqual([{ from: 'na me', to: 'na_me' }]);
      });
    });

    describe('files', () => {
      test('get growing ids, and are found newest first by every selector given', async () => {
        const id = fresh('commit-');
        const tag = fresh('tag-');
        const files = [
          await upload(id, 'one', { tags: [tag, 'a'], name: 'one.txt' }),
          await upload(id, 'two', { tags: [tag, 'a', 'b'], isPermanent: true }),
          await upload(id, 'three', { tags: [tag] }),
        ];
        const result = await storage.commit(commitOf(id, { files }));
        const [one = 0, two = 0, three = 0] = result.files.map((file) => file.id);
        expect(one < two && two < three).toBe(true);
        expect(result.files[0]).toEqual({ id: one, name: 'one.txt' });
        const found = async (selector: Omit<Parameters<Storage['findFiles']>[0], 'limit'>, limit = 10) =>
          (await storage.findFiles({ ...selector, limit })).map((file) => file.id);
        expect(await found({ includeTags: [tag] })).toEqual([three, two, one]);
        expect(await found({ includeTags: [tag] }, 1)).toEqual([three]);
        expect(await found({ includeTags: [tag, 'a'] })).toEqual([two, one]);
        expect(await found({ includeTags: [tag, 'a'], excludeTags: ['b'] })).toEqual([one]);
        expect(await found({ ids: [one, three] })).toEqual([three, one]);
        expect(await found({ includeTags: [tag], changedSince: '2100-01-01T00:00:00Z' })).toEqual([]);
        const [info] = await storage.findFiles({ ids: [one], limit: 1 });
        expect(info).toMatchObject({
          name: 'one.txt',
          sizeBytes: 3,
          tags: [tag, 'a'],
          maxAgeDays: 15,
          isPermanent: false,
        });
        expect((await storage.findFiles({ ids: [two], limit: 1 }))[0]).toMatchObject({ maxAgeDays: null });
        const path = newPath();
        await storage.downloadFile(two, path, signal);
        expect(await readFile(path, 'utf8')).toBe('two');
        expect((await stat(path)).nlink).toBe(1);
        await expect(storage.downloadFile(two, path, signal)).rejects.toThrow();
        expect((await refusal(storage.downloadFile(999_999, newPath(), signal))).message).toContain('999999');
      });

      test('that were processed get tags with the commit', async () => {
        const id = fresh('commit-');
        const [file] = (await storage.commit(commitOf(id, { files: [await upload(id, 'x', { tags: ['raw'] })] })))
          .files;
        const processedTags = [
          { fileId: file?.id ?? 0, tags: ['done', 'raw'] },
          { fileId: 999_999, tags: ['done'] },
        ];
        const result = await storage.commit(commitOf(fresh('commit-'), { processedTags }));
        expect(result.warnings).toEqual([expect.stringContaining('999999')]);
        expect((await storage.findFiles({ ids: [file?.id ?? 0], limit: 1 }))[0]?.tags).toEqual(['raw', 'done']);
      });
    });

    test('tables and files are written neither where there is no folder nor over what is there', async () => {
      const destination = newTable();
      await load('id\n1\n', { destination });
      const id = fresh('commit-');
      const [file] = (await storage.commit(commitOf(id, { files: [await upload(id, 'x')] }))).files;
      const there = await source('precious');
      const writers = [
        (path: string) => storage.exportTable({ table: destination, path, columns: [] }, signal),
        (path: string) => storage.downloadFile(file?.id ?? 0, path, signal),
      ];
      for (const write of writers) {
        for (const path of [join(directory, 'none', 'x'), join(there, 'x')]) {
          const { message, hint } = await refusal(write(path));
          expect(message).toContain(path);
          expect(hint).toContain('folder');
        }
        await expect(write(there)).rejects.toMatchObject({ code: 'EEXIST' });
        expect(await readFile(there, 'utf8')).toBe('precious');
      }
    });

    describe('commits', () => {
      test('happen once: called again they give the first result', async () => {
        const destination = newTable();
        const id = fresh('commit-');
        const tables = [await stage(id, 'id\n1\n', { destination, incremental: true })];
        const files = [await upload(id, 'x')];
        const journaled = JSON.parse(JSON.stringify(commitOf(id, { tables, files }))) as Commit;
        const first = await storage.commit(journaled);
        expect(await storage.commit(journaled)).toEqual(first);
        expect((await storage.table(destination))?.rowsCount).toBe(1);
      });

      test('take what was staged under another id, once, and leave the rest of that id to be discarded', async () => {
        const destination = newTable();
        const [success, failed] = [`${fresh('job/')}-success`, fresh('job-')];
        await load('id,n\n1,a\n', { destination, primaryKey: ['id'] });
        const keyed = { destination, primaryKey: ['id'], incremental: true };
        const tables = [await stage(success, 'id,n\n1,b\n2,c\n', keyed), await stage(failed, 'id,n\n3,d\n', keyed)];
        const files = [await upload(success, 'x')];
        const left = await stage(success, 'id\n1\n', { destination: newTable() });
        const journaled = JSON.parse(JSON.stringify(commitOf(failed, { tables, files }))) as Commit;
        const first = await storage.commit(journaled);
        expect(await storage.commit(journaled)).toEqual(first);
        expect(await exported(destination)).toBe('"id","n"\n"1","b"\n"2","c"\n"3","d"\n');
        const path = newPath();
        await storage.downloadFile(first.files[0]?.id ?? 0, path, signal);
        expect(await readFile(path, 'utf8')).toBe('x');
        await storage.discard(success);
        await expect(storage.commit(commitOf(fresh('commit-'), { tables: [left] }))).rejects.toThrow('is gone');
      });

      test('do not happen for what was discarded', async () => {
        const destination = newTable();
        const id = fresh('commit-');
        const tables = [await stage(id, 'id\n1\n', { destination })];
        await storage.discard(id);
        await storage.discard(id);
        await expect(storage.commit(commitOf(id, { tables }))).rejects.toThrow();
        expect(await storage.table(destination)).toBeUndefined();
      });

      test('at the same time into one table lose nothing', async () => {
        const destination = newTable();
        const keyed = { destination, primaryKey: ['id'], incremental: true };
        await load('id,n\n0,x\n', keyed);
        await Promise.all(Array.from({ length: 8 }, (_, index) => load(`id,n\n${index + 1},x\n0,${index}\n`, keyed)));
        expect((await storage.table(destination))?.rowsCount).toBe(9);
      });
    });

    describe('definitions, configurations and states', () => {
      test('are unknown until they are stored', async () => {
        expect(await storage.component('acme.unknown')).toBeUndefined();
        expect(await storage.configuration('acme.unknown', '1')).toBeUndefined();
      });

      test('keep the text of their values, and hide the secret ones', async () => {
        const text = '{"z":1.0,"2":12345678901234567890,"a":{},"list":[],"#key":"geheim","nested":[{"#p":"geheim"}]}';
        const component = fresh('acme.app-');
        await under.addComponent(component, text);
        await under.setConfiguration(component, { id: '1', configuration: text, rows: [{ id: 'r', state: text }] });
        const configuration = await storage.configuration(component, '1');
        for (const stored of [
          await storage.component(component),
          configuration?.configuration,
          configuration?.rows[0]?.state,
        ]) {
          expect(stored).toContain('"z":1.0,"2":12345678901234567890,"a":{},"list":[],"#key":"KBC::');
          expect(stored).not.toContain('geheim');
        }
      });

      test('get their new roots with the commit and keep the others', async () => {
        const component = fresh('acme.app-');
        const state = '{"data_app":{"x":1.0},"component":{"old":true}}';
        await under.setConfiguration(component, { id: '1', state, rows: [{ id: 'r', state }, { id: 's' }] });
        const update = { component, config: '1', roots: { component: '{"new":10}', storage: '{"input":[]}' } };
        const result = await storage.commit(
          commitOf(fresh('commit-'), { states: [update, { ...update, row: 's' }, { ...update, config: 'gone' }] }),
        );
        expect(result.warnings).toEqual([expect.stringContaining('gone')]);
        const stored = await storage.configuration(component, '1');
        expect(stored?.state).toBe('{"data_app":{"x":1.0},"component":{"new":10},"storage":{"input":[]}}');
        expect(stored?.rows.map((row) => row.state)).toEqual([
          state,
          '{"component":{"new":10},"storage":{"input":[]}}',
        ]);
      });
    });

    describe('rights', () => {
      const request = (id: string) => ({ table: id, path: newPath(), columns: [] });
      const staging = async (at: Storage, id: string, destination: string) => {
        const paths = [await source('id\n1\n')];
        const { load: whole } = await stage(fresh('commit-'), 'id\n1\n', { destination });
        return at.stageTable(id, { ...whole, paths }, signal);
      };

      test('that are missing are named with the bucket, early and at every call', async () => {
        const [shown, hidden] = [newTable(), `in.c-hidden.${fresh('table')}`];
        for (const destination of [shown, hidden]) await load('id\n1\n', { destination });
        const { storage: limited } = await under.withRights({ buckets: { 'in.c-suite': 'read' } });
        expect(limited.refusal({ on: 'bucket', bucket: 'in.c-suite', to: 'read' })).toBeUndefined();
        expect(await limited.table(shown)).toMatchObject({ rowsCount: 1 });
        expect(await limited.exportTable(request(shown), signal)).toMatchObject({ rows: 1 });
        const read = limited.refusal({ on: 'bucket', bucket: 'in.c-hidden', to: 'read' });
        expect(read?.message).toMatch(/read bucket in\.c-hidden/);
        expect(read?.message).toContain(limited.token.description);
        for (const work of [limited.table(hidden), limited.exportTable(request(hidden), signal)])
          expect((await refusal(work)).message).toBe(read?.message);
        expect((await refusal(staging(limited, fresh('commit-'), shown))).message).toContain('write bucket in.c-suite');
        expect((await refusal(limited.component('acme.any'))).message).toContain('component');
        expect((await refusal(limited.configuration('acme.any', '1'))).message).toContain('configurations');
      });

      test('are asked once more by the commit, of which nothing is done without them', async () => {
        const [mine, other] = [`out.c-mine.${fresh('table')}`, newTable()];
        const { storage: limited, revoke } = await under.withRights({ buckets: { 'out.c-mine': 'write' } });
        const id = fresh('commit-');
        const file = await limited.stageFile(
          id,
          { name: 'f', path: await source('x'), tags: [id], isPublic: false, isPermanent: false, isEncrypted: true },
          signal,
        );
        const tables = [await staging(limited, id, mine), await stage(id, 'id\n1\n', { destination: other })];
        const refused = await refusal(limited.commit(commitOf(id, { tables, files: [file] })));
        expect(refused.message).toContain('write bucket in.c-suite');
        const states = [{ component: 'acme.any', config: '1', roots: { component: '{}' } }];
        expect((await refusal(limited.commit(commitOf(id, { states })))).message).toContain('state');
        expect(await storage.table(mine)).toBeUndefined();
        expect(await storage.findFiles({ includeTags: [id], limit: 9 })).toEqual([]);
        await limited.commit(commitOf(id, { tables: tables.slice(0, 1), files: [file] }));
        expect(await exported(mine)).toBe('"id"\n"1"\n');
        const later = fresh('commit-');
        const staged = await staging(limited, later, mine);
        await revoke();
        expect((await refusal(limited.commit(commitOf(later, { tables: [staged] })))).message).toContain('revoked');
        // Asked again after a crash, what was committed is still the answer.
        expect(await limited.commit(commitOf(id, { tables: [] }))).toMatchObject({ tables: [{ id: mine }] });
        await limited.discard(later);
      });

      test('end with the token: it is worth nothing, and so is what it issued', async () => {
        const { storage: limited, revoke } = await under.withRights({ buckets: { 'in.c-suite': 'read' } });
        const issued = await limited.issueJobToken(fresh('job-'), 60);
        expect(await under.isTokenValid(issued.secret)).toBe(true);
        await revoke();
        expect(await under.isTokenValid(issued.secret)).toBe(false);
        await refusal(limited.table(newTable()));
        await refusal(limited.findFiles({ limit: 1 }));
        await refusal(limited.issueJobToken(fresh('job-'), 60));
        expect(limited.refusal({ on: 'components', to: 'read' })?.message).toContain('revoked');
        await limited.revokeJobTokens(fresh('job-'));
      });

      test('to files reach as far as the token that added them', async () => {
        const [one, other] = [await under.withRights({}), await under.withRights({})];
        const id = fresh('commit-');
        const upload = { name: 'f', tags: [id], isPublic: false, isPermanent: false, isEncrypted: true };
        const staged = await one.storage.stageFile(id, { ...upload, path: await source('mine') }, signal);
        const [file] = (await one.storage.commit(commitOf(id, { files: [staged] }))).files;
        const seen = async (at: Storage) =>
          (await at.findFiles({ includeTags: [id], limit: 9 })).map((found) => found.id);
        expect(await seen(one.storage)).toEqual([file?.id]);
        expect(await seen(storage)).toEqual([file?.id]);
        expect(await seen(other.storage)).toEqual([]);
        await refusal(other.storage.downloadFile(file?.id ?? 0, newPath(), signal));
        const tagged = commitOf(fresh('commit-'), { processedTags: [{ fileId: file?.id ?? 0, tags: ['taken'] }] });
        expect((await other.storage.commit(tagged)).warnings).toHaveLength(1);
        expect((await storage.findFiles({ includeTags: [id], limit: 1 }))[0]?.tags).toEqual([id]);
      });
    });

    test('tokens of jobs hold until they are revoked', async () => {
      const job = fresh('job-');
      const token = await storage.issueJobToken(job, 60);
      expect(await under.isTokenValid(token.secret)).toBe(true);
      expect(await under.isTokenValid(`${token.secret}x`)).toBe(false);
      await storage.revokeJobTokens(job);
      expect(await under.isTokenValid(token.secret)).toBe(false);
      const expired = await storage.issueJobToken(job, 0);
      expect(await under.isTokenValid(expired.secret)).toBe(false);
    });

    test('tokens of a job that was killed end with its next one, and all of a job at once', async () => {
      const job = fresh('job-');
      const other = await storage.issueJobToken(`${job}0`, 60);
      const first = await storage.issueJobToken(job, 60);
      const second = await storage.issueJobToken(job, 60);
      expect(await under.isTokenValid(first.secret)).toBe(false);
      expect(await under.isTokenValid(second.secret)).toBe(true);
      await storage.revokeJobTokens(job);
      await storage.revokeJobTokens(job);
      expect(await under.isTokenValid(second.secret)).toBe(false);
      expect(await under.isTokenValid(other.secret)).toBe(true);
    });

    test('an abort stops staging and exporting at any moment with its reason, and others go on', async () => {
      const reason = new Error('enough');
      const destination = newTable();
      await load(`id,text\n${'1,some text that goes on for a while\n'.repeat(500_000)}`, { destination });
      const big = await source(`id,text\n${'1,some text that goes on for a while\n'.repeat(500_000)}`);
      for (const ms of [0, 5, 30, 60]) {
        const controller = new AbortController();
        const path = newPath();
        const id = fresh('commit-');
        const work = [
          storage.exportTable({ table: destination, path, columns: [] }, controller.signal),
          stage(id, [], { destination: newTable(), paths: [big] }, controller.signal),
        ];
        setTimeout(() => controller.abort(reason), ms);
        for (const outcome of await Promise.allSettled(work)) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBe(reason);
        }
        expect(await exported(destination, { limit: 1 })).toContain('some text');
        await storage.discard(id);
      }
      const path = newPath();
      const aborted = AbortSignal.abort(reason);
      await expect(storage.exportTable({ table: destination, path, columns: [] }, aborted)).rejects.toBe(reason);
      await expect(stat(path)).rejects.toThrow();
    });
  });
}

interface Written {
  readonly delimiter: string;
  readonly enclosure: string;
  readonly end: string;
  readonly mark: string;
  /** Values that need no enclosure have none. */
  readonly isTerse: boolean;
  readonly endsWithNewline: boolean;
}

function csvOf(rows: readonly (readonly string[])[], written: Written): string {
  const { delimiter, enclosure, end, mark, isTerse, endsWithNewline } = written;
  const value = (text: string, row: readonly string[]): string => {
    const isPlain = ![delimiter, enclosure, '\n', '\r', '\ufeff'].some((special) => text.includes(special));
    // Alone in the last line and without a newline, an empty value is no line.
    if (isTerse && isPlain && (text !== '' || row.length > 1)) return text;
    return enclosure + text.replaceAll(enclosure, enclosure + enclosure) + enclosure;
  };
  return (
    mark +
    rows.map((row) => row.map((cell) => value(cell, row)).join(delimiter)).join(end) +
    (endsWithNewline ? end : '')
  );
}

function canonical(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`).join('');
}
