import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordLines } from '../../../src/sinks/record-lines.ts';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'componentd-lines-')), 'events.ndjson');
});
afterAll(() => rm(join(path, '..'), { recursive: true, force: true }));

const lineOf = (text: string): string => JSON.stringify({ time: 'now', message: text });

async function read(from = 0): Promise<{ readonly lines: string[]; readonly end: number }> {
  const lines: string[] = [];
  let last = from;
  for await (const { line, end } of recordLines(path, from)) {
    lines.push(line.toString());
    last = end;
  }
  return { lines, end: last };
}

test('whole lines come in order, from any offset at which one begins, and a torn one is left for later', async () => {
  const texts = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 0, max: 100_000 }).map((n) => 'x'.repeat(n)),
    ),
    { maxLength: 8 },
  );
  const property = fc.asyncProperty(texts, fc.nat(), async (messages, cut) => {
    const lines = messages.map(lineOf);
    const whole = lines.map((line) => `${line}\n`).join('');
    const torn = lineOf('torn');
    await writeFile(path, whole + torn.slice(0, cut % torn.length));
    const first = await read();
    expect(first).toEqual({ lines, end: Buffer.byteLength(whole) });
    const skipped = lines
      .slice(0, 2)
      .map((line) => `${line}\n`)
      .join('');
    expect((await read(Buffer.byteLength(skipped))).lines).toEqual(lines.slice(2));
    // The process that resumes the job takes the torn line away and goes on.
    await truncate(path, first.end);
    await appendFile(path, `${lineOf('more')}\n`);
    expect(await read(first.end)).toMatchObject({ lines: [lineOf('more')] });
  });
  await fc.assert(property, { numRuns: 20 });
});

test('a missing record has no lines, and no memory is spent on a line that nobody here wrote', async () => {
  await rm(path, { force: true });
  expect(await read()).toEqual({ lines: [], end: 0 });
  await writeFile(path, `${lineOf('a')}\n${'x'.repeat(5_000_000)}\n${lineOf('b')}\n`);
  expect((await read()).lines).toEqual([lineOf('a')]);
  await writeFile(path, `${lineOf('a')}\nstray\n${lineOf('b')}\n`);
  expect((await read()).lines).toEqual([lineOf('a')]);
});
