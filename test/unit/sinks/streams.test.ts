import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../src/base/events.ts';
import { createNdjsonSink } from '../../../src/sinks/ndjson.ts';
import { createPlainSink } from '../../../src/sinks/plain.ts';

const log = (message: string, offset = 0): JobEvent => ({
  type: 'log',
  row: 0,
  stage: 0,
  component: 'acme.main',
  stream: 'stdout',
  level: 'info',
  message,
  offset,
});

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** A reader that takes nothing until it is told to. */
function stuck(): { stream: Writable; text: () => string; go: () => void } {
  let text = '';
  const waiting: (() => void)[] = [];
  let going = false;
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      const take = (): void => {
        text += String(chunk);
        done();
      };
      if (going) take();
      else waiting.push(take);
    },
  });
  const go = (): void => {
    going = true;
    for (const take of waiting.splice(0)) take();
  };
  return { stream, text: () => text, go };
}

describe('NDJSON', () => {
  it('writes each event as a line with its time', async () => {
    const { stream, text, go } = stuck();
    go();
    const sink = createNdjsonSink({ stream, now: () => 0 });
    sink.emit({ type: 'message', level: 'info', message: 'a "quoted"\nline' });
    sink.emit(log('ž\u2028\x1b', 7));
    await sink.flush(1000);
    expect(
      text()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { time: '1970-01-01T00:00:00.000Z', type: 'message', level: 'info', message: 'a "quoted"\nline' },
      { time: '1970-01-01T00:00:00.000Z', ...log('ž\u2028\x1b', 7) },
    ]);
  });

  it('drops the oldest log lines for a reader that is stuck, says so, and keeps everything else in order', async () => {
    const { stream, text, go } = stuck();
    const sink = createNdjsonSink({ stream, limit: 100_000 });
    for (let i = 0; i < 5000; i += 1) {
      sink.emit(log(`line ${i}`));
      if (i % 500 === 0) sink.emit({ type: 'message', level: 'info', message: `message ${i}` });
    }
    go();
    await sink.flush(5000);
    const events = text()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as JobEvent);
    const lines = events.filter((event) => event.type === 'log').map(({ message }) => Number(message.slice(5)));
    const dropped = events.filter((event) => event.type === 'log-dropped').reduce((sum, event) => sum + event.lines, 0);
    expect(events.filter(({ type }) => type === 'message')).toHaveLength(10);
    expect(lines.at(-1)).toBe(4999);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(dropped).toBeGreaterThan(1000);
    expect(lines.length + dropped).toBe(5000);
  });

  it('stays within its bound whatever comes', () => {
    const { stream } = stuck();
    const sink = createNdjsonSink({ stream, limit: 1_000_000 });
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 100_000; i += 1)
      sink.emit(i % 2 === 0 ? log('x'.repeat(1000)) : { type: 'message', level: 'info', message: 'y'.repeat(1000) });
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
    sink.emit(log('last'));
  });

  it('loses nothing to a slow reader when the producer waits for room', async () => {
    let text = '';
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk, _encoding, done) => {
        text += String(chunk);
        setTimeout(done, 1);
      },
    });
    const sink = createNdjsonSink({ stream, limit: 200_000 });
    for (let i = 0; i < 20_000; i += 1) {
      sink.emit(log(`line ${i}`));
      if (i % 100 === 0) await sink.ready();
    }
    await sink.flush(10_000);
    expect(text.split('\n')).toHaveLength(20_001);
    expect(text).not.toContain('log-dropped');
  });

  it('writes lines of any length, and what stands between them, in their order', async () => {
    const written: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        // Read only once it is taken: memory that was used again too early would show.
        setImmediate(() => {
          written.push(String(chunk));
          done();
        });
      },
    });
    const sink = createNdjsonSink({ stream, limit: 400_000 });
    const expected: JobEvent[] = Array.from({ length: 300 }, (_, i) =>
      i % 5 === 4
        ? { type: 'message', level: 'info', message: `ž${i}` }
        : log(`${i}ž`.repeat(1 + ((i * 7919) % 25_000))),
    );
    for (const event of expected) {
      sink.emit(event);
      await sink.ready();
    }
    await sink.flush(10_000);
    const events = written.join('').split('\n').filter(Boolean);
    expect(events.map((line) => JSON.parse(line).message)).toEqual(
      expected.map((event) => 'message' in event && event.message),
    );
  });

  it('makes nobody wait twice for a reader that is stuck, until it reads again', async () => {
    const { stream, go } = stuck();
    const sink = createNdjsonSink({ stream, limit: 10_000 });
    const fill = (): void => {
      for (let i = 0; i < 1000; i += 1) sink.emit(log(`line ${i}`));
    };
    expect(sink.ready()).toBeUndefined();
    fill();
    await sink.ready();
    expect(sink.ready()).toBeUndefined();
    go();
    await sink.flush(1000);
    expect(sink.ready()).toBeUndefined();
  });

  it('gives up flushing at its deadline', async () => {
    const sink = createNdjsonSink({ stream: stuck().stream });
    sink.emit(log('x'));
    const started = performance.now();
    await sink.flush(100);
    expect(performance.now() - started).toBeGreaterThan(90);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each(['never reads', 'goes away'])('lets the process end when the reader of its pipe %s', async (what) => {
    const script = `
      import { createNdjsonSink } from '${new URL('../../../src/sinks/ndjson.ts', import.meta.url).href}';
      import { unblocked } from '${new URL('../../../src/sinks/outlet.ts', import.meta.url).href}';
      const sink = createNdjsonSink({ stream: unblocked(process.stdout) });
      for (let i = 0; i < 20000; i += 1) sink.emit({ type: 'message', level: 'info', message: 'x'.repeat(500) });
      await sink.close(300);
      process.exitCode = 7;`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (what === 'goes away') child.stdout.destroy();
    else child.stdout.pause();
    const [code] = await once(child, 'exit');
    child.stdout.destroy();
    expect(code).toBe(7);
  });

  it('does not mind a reader that is gone', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const sink = createNdjsonSink({ stream });
    for (let i = 0; i < 3; i += 1) {
      sink.emit(log('x'));
      await sink.flush(1000);
    }
    expect(stream.destroyed).toBe(true);
  });

  it('writes a million lines in a few seconds', async () => {
    let bytes = 0;
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length;
        done();
      },
    });
    const sink = createNdjsonSink({ stream });
    const event = log('x'.repeat(199));
    const started = performance.now();
    for (let i = 0; i < 1_000_000; i += 1) {
      sink.emit(event);
      if (i % 300 === 0) await new Promise(setImmediate);
    }
    await sink.flush(10_000);
    const elapsed = performance.now() - started;
    console.info(`NDJSON: a million lines in ${elapsed.toFixed(0)} ms`);
    expect(bytes).toBeGreaterThan(300_000_000);
    expect(elapsed).toBeLessThan(15_000);
  });
});

describe('plain lines', () => {
  it('reads as sentences and neutralises what a component printed', async () => {
    const { stream, text, go } = stuck();
    go();
    const sink = createPlainSink({ stream });
    const events: readonly JobEvent[] = [
      { type: 'job-started', job: 'J1', component: 'acme.main', resumed: false },
      { type: 'phase', phase: 'inputs', row: 1, rows: 3 },
      { type: 'layer', image: 'i', digest: 'sha256:0123456789abcdef', status: 'downloading', bytes: 1, total: 2 },
      { type: 'layer', image: 'i', digest: 'sha256:0123456789abcdef', status: 'downloaded', bytes: 1500, total: 1500 },
      {
        type: 'stage',
        row: 0,
        stage: 0,
        component: 'acme.main',
        status: 'finished',
        exitCode: 0,
        durationMs: 1234,
        peakMemoryBytes: 2_000_000,
        cpuSeconds: 0.35,
        readBytes: 0,
        writtenBytes: 1500,
      },
      log('\x1b[31mred\x1b[0m \x1b]0;owned\x07\x07'),
      { type: 'message', level: 'error', message: 'one\ntwo' },
      { type: 'job-finished', job: 'J1', outcome: 'success', durationMs: 61_000 },
    ];
    for (const event of events) sink.emit(event);
    await sink.flush(1000);
    expect(text()).toBe(
      [
        'job J1 of acme.main started',
        'inputs of row 2 of 3',
        'layer 0123456789ab downloaded, 1.5 kB',
        'acme.main finished (exit code 0, 1.2 s, 350 ms of processor time, 1.9 MiB of memory at most, 1.5 kB written)',
        'acme.main | red ␇',
        'error: one',
        '  two',
        'job J1 finished with success after 1 min 01 s',
        '',
      ].join('\n'),
    );
  });
});
