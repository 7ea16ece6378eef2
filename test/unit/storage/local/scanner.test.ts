import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CsvFault, CsvScanner, RecordFault, type RecordSink } from '../../../../src/storage/local/csv/scanner.ts';

describe('the scanner', () => {
  test.each([
    [
      'plain values',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'no final newline',
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a value that is absent at the end',
      'a,\n,',
      [
        ['a', ''],
        ['', ''],
      ],
    ],
    [
      'CRLF between records',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['LF and CRLF in one file', 'a\r\nb\nc\r\n', [['a'], ['b'], ['c']]],
    ['newlines inside an enclosure, as they are', '"a\nb","c\r\nd","\r"\n', [['a\nb', 'c\r\nd', '\r']]],
    ['doubled enclosures', '"""",""""""\n', [['"', '""']]],
    ['an empty enclosed value', '"",""', [['', '']]],
    ['a delimiter inside an enclosure', '",",","\n', [[',', ',']]],
    ['blanks, which belong to the value', ' a , " b\n', [[' a ', ' " b']]],
    ['an enclosure inside a value that has none', 'a"b,5"\n', [['a"b', '5"']]],
    ['blank lines, each a record with one empty value', '\n\na\n\n', [[''], [''], ['a'], ['']]],
    ['nothing', '', []],
    ['a backslash, which escapes nothing', '"a\\","\\N"\n', [['a\\', '\\N']]],
  ])('reads %s', (_, text, rows) => {
    expect(scan(text)).toEqual(rows);
  });

  test('reads other delimiters and enclosures', () => {
    expect(scan("'a''\t'\tb\"\n", { delimiter: '\t', enclosure: "'" })).toEqual([["a'\t", 'b"']]);
    expect(scan('"a";b\n', { delimiter: ';', enclosure: '' })).toEqual([['"a"', 'b']]);
  });

  test.each([
    ['an enclosure that is never closed', 'a,b\n"c,d\n', 'opened and never closed', 4],
    ['text behind a closing enclosure', 'a,"b"c\n', 'follows a closing enclosure', 5],
    ['a blank behind a closing enclosure', '"a" ,b\n', 'follows a closing enclosure', 3],
    ['a carriage return inside a line', 'a\rb\n', 'carriage return', 1],
    ['a carriage return at the end', 'a\r', 'carriage return', 1],
    ['a record beyond the limit', `a\n${'x'.repeat(101)}\n`, 'longer than 100 bytes', 2],
  ])('refuses %s', (_, text, message, offset) => {
    expect(fault(() => scan(text))).toMatchObject({ message: expect.stringContaining(message), offset });
  });

  test("places a sink's complaint at the value or at the record's end", () => {
    const refusing = (at: 'field' | 'record'): RecordSink => ({
      bytes: () => undefined,
      endField: () => undefined,
      endRecord: () => {
        throw new RecordFault('no', at);
      },
    });
    const text = Buffer.from('ab,cd\n');
    const run = (at: 'field' | 'record') => fault(() => scanner(refusing(at)).scan(text, 0, text.length, 10));
    expect(run('field')).toMatchObject({ offset: 13 });
    expect(run('record')).toMatchObject({ offset: 15 });
  });

  test('reads the same however the text is cut', () => {
    const pieces = fc.constantFrom('a', '"', '""', ',', '\n', '\r\n', '\r', ' ', 'é');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), fc.array(fc.nat(60)), (parts, cuts) => {
        const text = parts.join('');
        expect(outcome(() => scan(text, {}, cuts))).toEqual(outcome(() => scan(text)));
      }),
      { numRuns: 2000 },
    );
  });

  test('gives back what was written, whatever the values are', () => {
    const value = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '\r\n', ' ', 'é', '💩', "'", ';') });
    const table = fc
      .integer({ min: 1, max: 5 })
      .chain((columns) => fc.array(fc.array(value, { minLength: columns, maxLength: columns })));
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.constantFrom(',', ';', '\t'), (rows, end, delimiter) => {
        const text = rows
          .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter) + end)
          .join('');
        expect(scan(text, { delimiter })).toEqual(rows);
      }),
    );
  });
});

interface Dialect {
  readonly delimiter?: string;
  readonly enclosure?: string;
}

function scanner(sink: RecordSink, { delimiter = ',', enclosure = '"' }: Dialect = {}): CsvScanner {
  return new CsvScanner(sink, {
    delimiter: delimiter.charCodeAt(0),
    enclosure: enclosure === '' ? undefined : enclosure.charCodeAt(0),
    maxRecordBytes: 100,
  });
}

function scan(text: string, dialect: Dialect = {}, cuts: readonly number[] = []): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let value: Buffer[] = [];
  const csv = scanner(
    {
      bytes: (source, from, to) => value.push(Buffer.from(source.subarray(from, to))),
      endField: () => {
        row.push(Buffer.concat(value).toString());
        value = [];
      },
      endRecord: () => {
        rows.push(row);
        row = [];
      },
    },
    dialect,
  );
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  for (const [index, from] of places.slice(0, -1).entries()) {
    csv.scan(bytes, from, places[index + 1] as number, from);
  }
  csv.end(bytes.length);
  return rows;
}

function fault(run: () => unknown): CsvFault {
  try {
    run();
  } catch (error) {
    if (error instanceof CsvFault) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof CsvFault) return { message: error.message, offset: error.offset };
    throw error;
  }
}
