import { execFileSync, spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent, StampedEvent, Stream } from '../../../src/base/events.ts';
import { openRecord } from '../../../src/sinks/record.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'record-'));
  path = join(directory, 'events.ndjson');
});
afterEach(async () => rm(directory, { recursive: true }));

const log = (message: string, offset: number, stream: Stream = 'stdout', stage = 0): JobEvent => ({
  type: 'log',
  row: 0,
  stage,
  component: 'a"b',
  stream,
  level: 'info',
  message,
  offset,
});
const recorded = async (): Promise<StampedEvent[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as StampedEvent);

const recordModule = new URL('../../../src/sinks/record.ts', import.meta.url).href;

describe('record', () => {
  it('keeps events, and knows on opening how far each stream came', async () => {
    const first = await openRecord(path);
    expect(first.offset(0, 0, 'stdout')).toBe(0);
    first.emit({ type: 'phase', phase: 'stages', row: 0 });
    first.emit(log('one \u2028 {"type":"log","row":9}', 10));
    first.emit(log('two', 14));
    first.emit(log('err', 4, 'stderr'));
    first.emit(log('other', 6, 'stdout', 12));
    await first.close();
    await first.close();
    first.emit(log('late', 99));
    expect((await stat(path)).mode & 0o777).toBe(0o600);

    const second = await openRecord(path);
    expect([
      second.offset(0, 0, 'stdout'),
      second.offset(0, 0, 'stderr'),
      second.offset(0, 12, 'stdout'),
      second.offset(1, 0, 'stdout'),
    ]).toEqual([14, 4, 6, 0]);
    second.emit(log('three', 20));
    await second.close();
    expect((await recorded()).map((event) => (event.type === 'log' ? event.message : event.type))).toEqual([
      'phase',
      'one \u2028 {"type":"log","row":9}',
      'two',
      'err',
      'other',
      'three',
    ]);
  });

  it('counts a line only once it is in the file', async () => {
    const record = await openRecord(path);
    record.emit(log('one', 4));
    expect(record.offset(0, 0, 'stdout')).toBe(0);
    await record.flush(1000);
    expect(record.offset(0, 0, 'stdout')).toBe(4);
    record.emit(log('two', 8));
    await expect.poll(() => record.offset(0, 0, 'stdout')).toBe(8);
    await record.close();
  });

  it('keeps a line that is longer than its buffer in its place', async () => {
    const record = await openRecord(path);
    const long = 'ž\u0001'.repeat(40_000);
    record.emit(log('one', 4));
    record.emit(log(long, 80_004));
    expect(record.offset(0, 0, 'stdout')).toBe(80_004);
    record.emit(log('two', 80_008));
    expect(record.offset(0, 0, 'stdout')).toBe(80_004);
    await record.close();
    expect(record.offset(0, 0, 'stdout')).toBe(80_008);
    expect((await recorded()).map((event) => event.type === 'log' && event.message)).toEqual(['one', long, 'two']);
    expect((await openRecord(path)).offset(0, 0, 'stdout')).toBe(80_008);
  });

  it('takes a torn last line away, wherever it was torn', async () => {
    const record = await openRecord(path);
    record.emit(log('one', 4));
    record.emit(log('two', 8));
    await record.close();
    const whole = await readFile(path);
    const keep = whole.indexOf(10) + 1;
    for (let length = keep; length < whole.length; length += 1) {
      await writeFile(path, whole);
      await truncate(path, length);
      const again = await openRecord(path);
      expect(again.offset(0, 0, 'stdout')).toBe(4);
      again.emit(log('two', 8));
      await again.close();
      expect((await recorded()).map((event) => event.type === 'log' && event.message)).toEqual(['one', 'two']);
    }
    await appendFile(path, Buffer.alloc(100));
    await (await openRecord(path)).close();
    expect(await recorded()).toHaveLength(2);
  });

  it('drops log lines past the cap with a marker, goes on counting, and remembers after a restart', async () => {
    const options = { retainBytes: 2000 };
    const record = await openRecord(path, options);
    const line = 1_000_000;
    for (let i = 1; i <= 100; i += 1) record.emit(log(`line ${i}`, i * line));
    record.emit({ type: 'message', level: 'info', message: 'still here' });
    await record.flush(1000);
    expect(record.full()).toBe(true);
    expect(record.offset(0, 0, 'stdout')).toBe(100 * line);
    await record.close();

    const events = await recorded();
    const kept = events.filter(({ type }) => type === 'log').length;
    const dropped = events.filter((event) => event.type === 'log-dropped');
    expect(events.findIndex(({ type }) => type === 'log-dropped')).toBe(kept);
    expect(dropped.reduce((sum, event) => sum + event.lines, kept)).toBe(100);
    expect(dropped.length).toBeLessThan(30);
    expect(events.at(-2)).toMatchObject({ type: 'message' });

    const again = await openRecord(path, options);
    expect(again.full()).toBe(true);
    expect(again.offset(0, 0, 'stdout')).toBe(100 * line);
    again.emit(log('more', 101 * line));
    await again.close();
    expect((await recorded()).filter(({ type }) => type === 'log')).toHaveLength(kept);
  });

  it('is not followed through a symbolic link', async () => {
    await symlink('/etc/passwd', path);
    await expect(openRecord(path)).rejects.toMatchObject({ code: 'ELOOP' });
  });

  it('tells once when it cannot be written, never throws, and leaves only whole lines', async () => {
    const script = `
      import { openRecord } from '${recordModule}';
      const failures = [];
      const record = await openRecord(${JSON.stringify(path)}, { onFailure: (error) => failures.push(error.message) });
      for (let i = 1; i <= 40; i += 1) {
        record.emit({ type: 'log', row: 0, stage: 0, component: 'c', stream: 'stdout', level: 'info', message: 'x'.repeat(100), offset: i });
        await record.flush(100);
      }
      await record.close();
      console.log(JSON.stringify({ failures, offset: record.offset(0, 0, 'stdout') }));`;
    const limited = [
      '-c',
      'trap "" XFSZ; ulimit -f 4; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      script,
    ];
    const { failures, offset } = JSON.parse(execFileSync('bash', limited, { encoding: 'utf8' })) as {
      failures: string[];
      offset: number;
    };
    expect(failures).toHaveLength(1);
    const events = await recorded();
    expect(events.length).toBeGreaterThan(5);
    expect(events.at(-1)).toMatchObject({ offset });
  });

  it('is a regular file', async () => {
    await expect(openRecord('/dev/full')).rejects.toThrow('not a regular file');
  });

  it('takes 300,000 lines in a few seconds and reads them again in less', async () => {
    const record = await openRecord(path, { retainBytes: 1e12 });
    const text = 'x'.repeat(199);
    const started = performance.now();
    for (let i = 1; i <= 300_000; i += 1) record.emit(log(text, i * 200));
    await record.close();
    const written = performance.now();
    const again = await openRecord(path);
    const read = performance.now();
    expect(again.offset(0, 0, 'stdout')).toBe(60_000_000);
    await again.close();
    console.info(
      `record: 300,000 lines written in ${(written - started).toFixed(0)} ms, read in ${(read - written).toFixed(0)} ms`,
    );
    expect(read - started).toBeLessThan(20_000);
  });
});

describe('follower killed at any moment', () => {
  const lines = 40_000;
  const secret = 'sw0rd\nfish';
  const follower = (raw: string, chunks: number): string => `
    import { openSync, readSync } from 'node:fs';
    import { createOutputReader } from '${new URL('../../../src/base/output.ts', import.meta.url).href}';
    import { createRedactor } from '${new URL('../../../src/base/redactor.ts', import.meta.url).href}';
    import { openRecord } from '${recordModule}';
    const record = await openRecord(${JSON.stringify(path)});
    let at = record.offset(0, 0, 'stdout');
    const reader = createOutputReader({ redactor: createRedactor([${JSON.stringify(secret)}]), onLine: (message, offset) =>
      record.emit({ type: 'log', row: 0, stage: 0, component: 'c', stream: 'stdout', level: 'info', message, offset }) });
    const fd = openSync(${JSON.stringify(raw)}, 'r');
    const chunk = Buffer.alloc(1777);
    let left = ${chunks};
    for (let n; (n = readSync(fd, chunk, 0, chunk.length, at)) > 0; at += n) {
      reader.push(chunk.subarray(0, n), at);
      if (Math.random() < 0.1) await record.flush(0);
      left -= 1;
      if (left === 0) process.kill(process.pid, 'SIGKILL');
    }
    reader.end();
    await record.close();
  `;

  it('leaves a record without a lost or doubled line', async () => {
    const raw = join(directory, 'stdout');
    await writeFile(raw, Array.from({ length: lines }, (_, i) => `line ${i} ${i % 7 === 0 ? secret : ''}\n`).join(''));
    let kills = 0;
    for (let run = 0; run < 10; run += 1) {
      const { signal } = spawnSync(
        process.execPath,
        ['--input-type=module', '-e', follower(raw, run < 9 ? 1 + Math.floor(Math.random() * 25) : -1)],
        {
          stdio: 'inherit',
        },
      );
      if (signal === 'SIGKILL') kills += 1;
    }
    expect(kills).toBe(9);
    const messages = (await recorded()).map((event) => (event.type === 'log' ? event.message : ''));
    expect(messages).toEqual(Array.from({ length: lines }, (_, i) => `line ${i} ${i % 7 === 0 ? '[hidden]' : ''}`));
  });
});
