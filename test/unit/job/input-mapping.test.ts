import { describe, expect, test } from 'vitest';
import { fromPlain, toPlain } from '../../../src/base/json.ts';
import { readDocument } from '../../../src/base/schema.ts';
import * as fileManifestSchema from '../../../src/gen/file-manifest-in.schema.js';
import * as tableManifestSchema from '../../../src/gen/table-manifest-in.schema.js';
import { normalizeConfiguration } from '../../../src/job/configuration.ts';
import { fileManifest, tableManifest } from '../../../src/job/input-manifest.ts';
import { inputFileName, planInputs } from '../../../src/job/input-mapping.ts';
import { parseMoment } from '../../../src/job/moment.ts';
import { plainNameComplaint } from '../../../src/job/plain-name.ts';
import type { FileInfo, TableInfo } from '../../../src/job/storage.ts';
import { failureOf } from '../../support/problems.ts';

const now = new Date('2024-03-10T12:00:00Z');
const planned = (input: object) => planInputs(normalizeConfiguration(fromPlain({ storage: { input } })).input, now);

describe('planInputs', () => {
  test('a bare table is exported whole, under its id', () => {
    expect(planned({ tables: [{ source: 'in.c-geo.cities' }] }).tables).toEqual([
      { table: 'in.c-geo.cities', destination: 'in.c-geo.cities', columns: [] },
    ]);
  });

  test('columns, filter, date and limit reach the export', () => {
    const { tables } = planned({
      tables: [
        {
          source: 'a.b.c',
          destination: 'c.csv',
          columns: ['x', 'y'],
          where_column: 'x',
          where_values: [1, '2'],
          where_operator: 'ne',
          changed_since: '-2 days',
          limit: 5,
        },
        { source: 'a.b.d', days: 3 },
        { source: 'a.b.e', column_types: [{ source: 'q' }, { source: 'r' }], changed_since: '' },
      ],
    });
    expect(tables).toEqual([
      {
        table: 'a.b.c',
        destination: 'c.csv',
        columns: ['x', 'y'],
        where: { column: 'x', operator: 'ne', values: ['1', '2'] },
        changedSince: '2024-03-08T12:00:00.000Z',
        limit: 5,
      },
      { table: 'a.b.d', destination: 'a.b.d', columns: [], changedSince: '2024-03-07T12:00:00.000Z' },
      { table: 'a.b.e', destination: 'a.b.e', columns: ['q', 'r'] },
    ]);
  });

  test('files are selected by tags, excluded tags and ids; 100 unless told otherwise (facts 94 and 96)', () => {
    const { files } = planned({
      files: [
        { tags: ['a', 'b'], processed_tags: ['done'] },
        { source: { tags: [{ name: 'in' }, { name: 'out', match: 'exclude' }] }, limit: 102 },
        { file_ids: [7, 8] },
      ],
    });
    expect(files).toEqual([
      { selector: { includeTags: ['a', 'b'], limit: 100 }, processedTags: ['done'] },
      { selector: { includeTags: ['in'], excludeTags: ['out'], limit: 102 }, processedTags: [] },
      { selector: { ids: [7, 8], limit: 100 }, processedTags: [] },
    ]);
  });

  test('every wrong name and date is reported at once', async () => {
    const failed = await failureOf(() =>
      planned({
        tables: [
          { source: 'a.b.c', destination: '../x' },
          { source: 'a/b' },
          { source: 'a.b.c', changed_since: 'soonish' },
        ],
        files: [{ tags: ['a'], changed_since: 'x' }],
      }),
    );
    expect([failed.class, failed.paths]).toEqual([
      'user',
      [
        'container.storage.input.tables.0.destination',
        'container.storage.input.tables.1.source',
        'container.storage.input.tables.2.changed_since',
        'container.storage.input.files.0.changed_since',
      ],
    ]);
  });
});

describe('file names', () => {
  test.each(['', '.', '..', 'a/b', '/etc/shadow', 'a\0b', 'x'.repeat(247), 'é'.repeat(124), '\ud800'])(
    '%j is refused',
    (name) => {
      expect(plainNameComplaint(name)).toBeTypeOf('string');
    },
  );

  test.each(['a', '...', '.hidden', 'a b', 'ž.csv', 'a\\b', 'x'.repeat(246)])('%j is fine', (name) => {
    expect(plainNameComplaint(name)).toBeUndefined();
  });

  test('a file is called by id and name; a name that is a path is refused', async () => {
    const file = { id: 900, name: 'pack.zip' } as FileInfo;
    expect(inputFileName(file)).toBe('900_pack.zip');
    expect((await failureOf(() => inputFileName({ ...file, name: '/../../x' }))).class).toBe('user');
  });
});

describe('parseMoment', () => {
  test.each([
    ['-2 days', '2024-03-08T12:00:00.000Z'],
    ['2 days ago', '2024-03-08T12:00:00.000Z'],
    ['-1 week', '2024-03-03T12:00:00.000Z'],
    ['+90 minutes', '2024-03-10T13:30:00.000Z'],
    ['-1 month', '2024-02-10T12:00:00.000Z'],
    ['today', '2024-03-10T00:00:00.000Z'],
    ['yesterday', '2024-03-09T00:00:00.000Z'],
    ['1700000000', '2023-11-14T22:13:20.000Z'],
    ['@1700000000', '2023-11-14T22:13:20.000Z'],
    ['2024-01-02', '2024-01-02T00:00:00.000Z'],
    ['2024-01-02 03:04', '2024-01-02T03:04:00.000Z'],
    ['2024-01-02T03:04:05+0100', '2024-01-02T02:04:05.000Z'],
    ['2024-01-02T03:04:05.5Z', '2024-01-02T03:04:05.500Z'],
  ])('%s is %s', (text, moment) => {
    expect(parseMoment(text, now)).toBe(moment);
  });

  test.each(['', 'soon', '-2 fortnights', '2024-13-01', '2024-02-30x', 'adaptive', '-999999999 years'])(
    '"%s" is not a moment',
    (text) => {
      expect(parseMoment(text, now)).toBeUndefined();
    },
  );
});

describe('manifests of inputs', () => {
  const entry = { id: '1', key: 'k', value: 'v', provider: 'p', timestamp: '2024-01-01T00:00:00+0100' };
  const table: TableInfo = {
    id: 'in.c-geo.cities',
    uri: 'https://storage.example/tables/in.c-geo.cities',
    name: 'cities',
    primaryKey: ['id'],
    distributionKey: [],
    columns: ['id', 'name', '__proto__'],
    created: '2024-01-01T00:00:00+0100',
    lastChangeDate: '2024-01-01T00:00:00+0100',
    lastImportDate: '2024-01-01T00:00:00+0100',
    rowsCount: 1,
    dataSizeBytes: 1,
    metadata: [entry],
    columnMetadata: { id: [entry], name: [entry] },
  };

  test('a table manifest has the selected columns, in their order, and fits its schema', () => {
    const manifest = tableManifest(table, ['name']);
    expect(readDocument(tableManifestSchema, manifest).problems).toEqual([]);
    expect(toPlain(manifest)).toMatchObject({
      columns: ['name'],
      column_metadata: { name: [entry] },
      metadata: [entry],
      primary_key: ['id'],
    });
    expect(toPlain(manifest)).not.toHaveProperty('description');
    expect(toPlain(manifest)).not.toHaveProperty('column_metadata.id');
  });

  test('without a selection it has all of them', () => {
    expect(toPlain(tableManifest({ ...table, description: 'd' }, []))).toMatchObject({
      columns: ['id', 'name', '__proto__'],
      description: 'd',
    });
  });

  test('a file manifest fits its schema', () => {
    const file: FileInfo = {
      id: 9,
      name: 'a.zip',
      created: 'c',
      isPublic: false,
      isEncrypted: true,
      isPermanent: true,
      tags: ['t'],
      maxAgeDays: null,
      sizeBytes: 3,
    };
    const manifest = fileManifest(file);
    expect(readDocument(fileManifestSchema, manifest).problems).toEqual([]);
    expect(toPlain(manifest)).toEqual({
      id: 9,
      name: 'a.zip',
      created: 'c',
      is_public: false,
      is_encrypted: true,
      is_sliced: false,
      tags: ['t'],
      max_age_days: null,
      size_bytes: 3,
    });
  });
});
