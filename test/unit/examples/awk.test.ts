import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const shared = resolve(import.meta.dirname, '../../examples/components/shared');
let place: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'awk-'));
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

describe('csv.awk', () => {
  const dump = `BEGIN { FS = "\\""; while (record(path)) { n = values(all); line = ""; for (i = 1; i <= n; i++) line = line (i > 1 ? "," : "") json(all[i]); print "[" line "]" } }`;
  const pick = `BEGIN { FS = "\\""; while (record(path)) print json(value(column)) }`;
  const cell = fc.string({
    unit: fc.constantFrom('a', 'ž', '🍷', '"', ',', '\n', '\r\n', '\t', '\\', ' '),
    maxLength: 8,
  });
  const tables = fc.integer({ min: 1, max: 5 }).chain((width) =>
    fc.array(fc.array(fc.record({ value: cell, quoted: fc.boolean() }), { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 8,
    }),
  );
  type Table = readonly (readonly { readonly value: string; readonly quoted: boolean }[])[];

  test('reads what RFC 4180 writes, quoted or not, with either line break', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom('\n', '\r\n'), (table, lineBreak) => {
        const read = awk(dump, { path: write(table, lineBreak) });
        expect(read.map((line) => JSON.parse(line))).toEqual(table.map((row) => row.map(({ value }) => value)));
      }),
      { numRuns: 150 },
    );
  });

  test('takes the same value the quick way and the slow way', () => {
    fc.assert(
      fc.property(tables, fc.nat({ max: 4 }), (table, at) => {
        const column = at % (table[0]?.length ?? 1);
        const read = awk(pick, { path: write(table, '\n'), column: String(column + 1) });
        expect(read.map((line) => JSON.parse(line))).toEqual(table.map((row) => row[column]?.value));
      }),
      { numRuns: 150 },
    );
  });

  test('refuses a quote that is never closed', () => {
    writeFileSync(join(place, 'open.csv'), 'a,"b\nc\n');
    expect(() => awk(dump, { path: join(place, 'open.csv') })).toThrow(/still open/);
  });

  function write(table: Table, lineBreak: string): string {
    const path = join(place, 'table.csv');
    const lines = table.map((row) => row.map(cellText).join(',') + lineBreak);
    writeFileSync(path, lines.join(''));
    return path;
  }

  /** A single empty value is quoted: an empty line has no value at all. */
  function cellText({ value, quoted }: { value: string; quoted: boolean }): string {
    return quoted || value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  }

  function awk(program: string, variables: Readonly<Record<string, string>>): string[] {
    writeFileSync(join(place, 'program.awk'), program);
    const assignments = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    return run(['-f', join(shared, 'csv.awk'), '-f', join(place, 'program.awk'), ...assignments]);
  }
});

describe('json.awk', () => {
  test('finds every scalar under its path, however it is escaped', () => {
    const document = {
      'a b': 'x',
      '#key': 'ž"\\/🍷',
      list: [1.5, { deep: true }, []],
      none: null,
      empty: {},
      lines: 'a\nb\tc\r',
    };
    const expected = [
      'a b\tx',
      '#key\tž"\\\\/🍷',
      'list.0\t1.5',
      'list.1.deep\ttrue',
      'none\tnull',
      'lines\ta\\nb\\tc\\r',
    ];
    const plain = JSON.stringify(document);
    const escaped = plain.replaceAll(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
    for (const text of [plain, escaped, JSON.stringify(document, null, 4), plain.replaceAll('/', '\\/')]) {
      writeFileSync(join(place, 'document.json'), text);
      expect(run(['-f', join(shared, 'json.awk'), join(place, 'document.json')])).toEqual(expected);
    }
  });

  test('says so when the text ends too early', () => {
    writeFileSync(join(place, 'document.json'), '{"a": [1, 2');
    expect(() => run(['-f', join(shared, 'json.awk'), join(place, 'document.json')])).toThrow(/too early/);
  });
});

/** Busybox, as in the images. */
function run(args: readonly string[]): string[] {
  const output = execFileSync('/bin/busybox', ['awk', ...args], {
    env: { LC_ALL: 'C' },
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return output.split('\n').slice(0, -1);
}
