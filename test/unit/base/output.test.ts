import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestLine } from '../../../src/base/lines.ts';
import { createOutputReader } from '../../../src/base/output.ts';
import { createRedactor, type Redactor } from '../../../src/base/redactor.ts';

interface Line {
  readonly text: string;
  readonly end: number;
  readonly continued: boolean;
}

const none = createRedactor([]);

function read(
  raw: Buffer,
  { redactor = none, cuts = [], start = 0 }: { redactor?: Redactor; cuts?: readonly number[]; start?: number } = {},
): Line[] {
  const lines: Line[] = [];
  const reader = createOutputReader({
    redactor,
    onLine: (text, end, continued) => lines.push({ text, end, continued }),
  });
  const edges = [
    start,
    ...cuts.map((cut) => start + (cut % (raw.length - start + 1))).sort((a, b) => a - b),
    raw.length,
  ];
  for (const [index, edge] of edges.slice(1).entries()) {
    const scratch = Buffer.from(raw.subarray(edges[index], edge));
    reader.push(scratch, edges[index] as number);
    scratch.fill(0x58);
  }
  reader.end();
  return lines;
}

const texts = (lines: readonly Line[]): string[] => lines.map(({ text }) => text);

describe('output reader', () => {
  it.each([
    ['a\nb\r\n\n\r\nc', ['a', 'b', '', '', 'c']],
    ['a\rb\r\r\n', ['a\rb\r']],
    ['', []],
    ['\n', ['']],
    ['\r', ['\r']],
    ['žluťoučký 🔑\nkůň', ['žluťoučký 🔑', 'kůň']],
  ])('splits %j', (raw, expected) => {
    const bytes = Buffer.from(raw);
    expect(texts(read(bytes))).toEqual(expected);
    expect(texts(read(bytes, { cuts: Array.from(bytes.keys()) }))).toEqual(expected);
  });

  it('leaves out bytes that are not UTF-8 and keeps a genuine replacement character', () => {
    const raw = Buffer.concat([Buffer.from('a'), Buffer.of(0xff, 0xc3), Buffer.from('b\nc\ufffdd\n')]);
    expect(texts(read(raw))).toEqual(['ab', 'c\ufffdd']);
  });

  it('reports the raw offset just after each line', () => {
    const redactor = createRedactor(['secret']);
    expect(read(Buffer.from('a\r\nmy secret!\nsecretsecret\nend'), { redactor })).toEqual([
      { text: 'a', end: 3, continued: false },
      { text: 'my [hidden]!', end: 14, continued: false },
      { text: '[hidden][hidden]', end: 27, continued: false },
      { text: 'end', end: 30, continued: false },
    ]);
  });

  it('hides a secret of several lines and resumes only after it', () => {
    const redactor = createRedactor(['one\ntwo\nthree']);
    expect(read(Buffer.from('a\n<one\ntwo\nthree>\nb\n'), { redactor, cuts: [6, 9] })).toEqual([
      { text: 'a', end: 2, continued: false },
      { text: '<[hidden]>', end: 18, continued: false },
      { text: 'b', end: 20, continued: false },
    ]);
  });

  it('cuts a long line into pieces between characters, each with an offset to resume from', () => {
    const raw = Buffer.from(`${'x'.repeat(longestLine - 1)}ž${'y'.repeat(longestLine)}\nz\n`);
    const lines = read(raw);
    expect(lines.map(({ continued }) => continued)).toEqual([true, true, false, false]);
    expect(texts(lines).slice(0, 3).join('')).toBe(raw.toString().slice(0, -3));
    expect(lines[0]?.end).toBe(longestLine - 1);
    expect(read(raw, { start: longestLine - 1 })).toEqual(lines.slice(1));
  });

  it('cuts a line of hidden values between them, and keeps pieces within the cap', () => {
    const raw = Buffer.from(`${'hush'.repeat(20_000)}${'x'.repeat(longestLine - 3)}hush\n`);
    const redactor = createRedactor(['hush']);
    const lines = read(raw, { redactor });
    expect(texts(lines).join('')).toBe(`${'[hidden]'.repeat(20_000)}${'x'.repeat(longestLine - 3)}[hidden]`);
    for (const { text } of lines) expect(text.length).toBeLessThanOrEqual(longestLine);
    expect(lines[0]).toEqual({ text: '[hidden]'.repeat(longestLine / 8), end: longestLine / 2, continued: true });
    for (const [index, { end }] of lines.entries())
      expect(read(raw, { redactor, start: end })).toEqual(lines.slice(index + 1));
  });

  it('gives the same lines however the stream is cut, and from every reported offset on', () => {
    const script = fc.array(
      fc.oneof(
        fc.constantFrom(
          '\n',
          '\r\n',
          'se\ncret',
          'hush',
          'ž',
          'se\n',
          'sesecret',
          '\u00ff',
          'text ',
          'x'.repeat(30_000),
          'ž'.repeat(20_000),
        ),
        fc.uint8Array({ maxLength: 5 }),
      ),
      { maxLength: 25 },
    );
    const redactor = createRedactor(['se\ncret', 'secret', 'hush', 'hhh', 'ž\nž\n']);
    fc.assert(
      fc.property(
        script,
        fc.array(fc.nat(), { maxLength: 10 }),
        fc.constantFrom(redactor, none),
        (parts, cuts, used) => {
          const raw = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
          const whole = read(raw, { redactor: used });
          expect(read(raw, { redactor: used, cuts })).toEqual(whole);
          for (const [index, { end }] of whole.entries())
            expect(read(raw, { redactor: used, start: end, cuts })).toEqual(whole.slice(index + 1));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses bytes that leave a gap or come twice', () => {
    const reader = createOutputReader({ redactor: none, onLine: () => undefined });
    reader.push(Buffer.from('abc'), 10);
    expect(() => reader.push(Buffer.from('d'), 12)).toThrow('goes on at 12 where 13 was expected');
    reader.push(Buffer.from('d'), 13);
  });

  it('keeps memory constant over a line without end', () => {
    const chunk = Buffer.alloc(1 << 20, 'x');
    let pieces = 0;
    const reader = createOutputReader({
      redactor: createRedactor(['secret']),
      onLine: () => {
        pieces += 1;
      },
    });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; i += 1) reader.push(chunk, i * chunk.length);
    expect(pieces).toBeGreaterThan(1500);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 1024 * 1024);
  });

  it.each([
    ['ASCII', none, 'x'.repeat(199), 150],
    ['UTF-8', none, `${'x'.repeat(150)}${'ž'.repeat(24)}x`, 80],
    [
      'redacted',
      createRedactor(Array.from({ length: 20 }, () => randomBytes(24).toString('base64'))),
      'plain words of output '.repeat(10).slice(0, 199),
      50,
    ],
  ])('reads %s lines of 200 bytes fast enough', (name, redactor, line, floor) => {
    const chunk = Buffer.from(`${line}\n`.repeat(327));
    let count = 0;
    const reader = createOutputReader({
      redactor,
      onLine: () => {
        count += 1;
      },
    });
    const started = performance.now();
    for (let i = 0; i < 3000; i += 1) reader.push(chunk, i * chunk.length);
    const rate = (chunk.length * 3000) / 1000 / (performance.now() - started);
    console.info(`lines, ${name}: ${rate.toFixed(0)} MB/s`);
    expect(count).toBe(327 * 3000);
    expect(rate).toBeGreaterThan(floor);
  });
});
