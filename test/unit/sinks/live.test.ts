import { execFileSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../src/base/events.ts';
import { textWidth } from '../../../src/sinks/format.ts';
import { createLiveSink, viewOf } from '../../../src/sinks/live.ts';
import { advance, startProgress } from '../../../src/sinks/progress.ts';

const layer = (digest: string, status: 'downloading' | 'unpacked', bytes: number): JobEvent => ({
  type: 'layer',
  image: 'i',
  digest,
  status,
  bytes,
  total: 2_000_000,
});
const log = (message: string): JobEvent => ({
  type: 'log',
  row: 0,
  stage: 0,
  component: 'acme.main',
  stream: 'stdout',
  level: 'info',
  message,
});

function terminal(columns: number): { stream: Writable & { columns: number; rows: number }; written: string[] } {
  const written: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  return { stream: Object.assign(stream, { columns, rows: 24 }), written };
}

/** What a terminal would show: knows only the sequences that a live view uses. */
function screenOf(text: string): string[] {
  const lines = [''];
  let row = 0;
  for (const part of text.split(/(\x1b\[\d*[AJm]|\r|\n)/)) {
    const move = /^\x1b\[(\d*)([AJm])$/.exec(part);
    if (move?.[2] === 'A') row -= Number(move[1]);
    else if (move?.[2] === 'J') lines.splice(row, lines.length, '');
    else if (part === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (part !== '\r' && move === null) lines[row] += part;
  }
  return lines;
}

describe('live view', () => {
  it('shows phase, stage, layers with bytes and speed, elapsed time and the last log lines', () => {
    const events: readonly (readonly [number, JobEvent])[] = [
      [0, { type: 'job-started', job: 'J1', component: 'acme.main', resumed: false }],
      [0, { type: 'phase', phase: 'stages', row: 0, rows: 2 }],
      [1000, layer(`sha256:${'a'.repeat(64)}`, 'downloading', 0)],
      [1500, layer(`sha256:${'b'.repeat(64)}`, 'unpacked', 0)],
      [2000, layer(`sha256:${'a'.repeat(64)}`, 'downloading', 500_000)],
      [2000, { type: 'stage', row: 0, stage: 0, component: 'acme.main', status: 'started' }],
      ...Array.from({ length: 9 }, (_, i) => [3000, log(`line ${i}`)] as const),
    ];
    const progress = events.reduce((state, [now, event]) => advance(state, event, now), startProgress(0));
    expect(viewOf(progress, 3000, 80)).toEqual([
      ...[4, 5, 6, 7, 8].map((i) => `acme.main | line ${i}`),
      'aaaaaaaaaaaa  downloading  500 kB of 2.0 MB  250 kB/s',
      '1 layer done',
      'stages of row 1/2 · acme.main for 1.0 s · 3.0 s',
    ]);
  });

  it('keeps lines within the width and colours nothing unless asked to', async () => {
    for (const columns of [20, 33, 80]) {
      const { stream, written } = terminal(columns);
      const sink = createLiveSink({ stream, colour: false });
      sink.emit(log(`日本語 \x1b[31m${'wide '.repeat(50)}`));
      sink.emit({ type: 'phase', phase: 'inputs' });
      await sink.flush(1000);
      for (const line of screenOf(written.join(''))) expect(textWidth(line)).toBeLessThan(columns);
      expect(written.join('')).not.toMatch(/\x1b\[[0-9;]*m/);
      await sink.close();
    }
  });

  it('redraws at most ten times a second, however much happens', async () => {
    const { stream, written } = terminal(80);
    const sink = createLiveSink({ stream, colour: true });
    const started = performance.now();
    while (performance.now() - started < 1000) {
      for (let i = 0; i < 100; i += 1) sink.emit(log(`line ${i}`));
      await new Promise(setImmediate);
    }
    expect(written.length).toBeGreaterThan(5);
    expect(written.length).toBeLessThanOrEqual(12);
    await sink.close();
  });

  it('leaves the last lines and what scrolled by when it is closed, and the view is gone', async () => {
    const { stream, written } = terminal(60);
    const sink = createLiveSink({ stream, colour: false });
    sink.emit({ type: 'phase', phase: 'stages', row: 0 });
    sink.emit(log('first'));
    await sink.flush(1000);
    sink.emit({ type: 'message', level: 'warning', message: 'careful' });
    sink.emit(log('second'));
    await sink.flush(1000);
    sink.emit({ type: 'job-finished', job: 'J1', outcome: 'success', durationMs: 5 });
    await sink.close();
    await sink.close();
    sink.emit(log('late'));
    expect(screenOf(written.join(''))).toEqual([
      'warning: careful',
      'acme.main | first',
      'acme.main | second',
      'job J1 finished with success after 5 ms',
      '',
    ]);
  });

  it('draws on a real pseudo-terminal and ends without a trace', () => {
    const script = `
      import { createLiveSink } from '${new URL('../../../src/sinks/live.ts', import.meta.url).href}';
      const sink = createLiveSink({ stream: process.stdout, colour: true });
      sink.emit({ type: 'phase', phase: 'stages', row: 0 });
      for (let i = 0; i < 3; i += 1) {
        sink.emit({ type: 'log', row: 0, stage: 0, component: 'c', stream: 'stdout', level: 'info', message: 'width ' + process.stdout.columns + ' line ' + i });
        await sink.flush(1000);
      }
      await sink.close();`;
    const command = `stty cols 50 rows 10; exec '${process.execPath}' --input-type=module -e "$SCRIPT"`;
    const output = execFileSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { SCRIPT: script, TERM: 'xterm' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(output).toContain('stages of row 1');
    expect(screenOf(output)).toEqual(['c | width 50 line 0', 'c | width 50 line 1', 'c | width 50 line 2', '']);
  });
});
