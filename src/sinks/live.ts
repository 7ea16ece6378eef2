import type { Writable } from 'node:stream';
import { counted } from '../base/counted.ts';
import type { JobEvent } from '../base/events.ts';
import { describeEvent, levelOf, shortDigest } from './describe.ts';
import { formatBytes, formatDuration, formatTable, neutralise, textWidth, truncate } from './format.ts';
import { createOutlet } from './outlet.ts';
import { paint } from './paint.ts';
import { advance, type LayerProgress, type Progress, startProgress } from './progress.ts';
import type { Sink } from './sink.ts';

export interface LiveOptions {
  /** A terminal. `columns` is read at every redraw; 80 when unknown. */
  readonly stream: Writable & { readonly columns?: number; readonly rows?: number };
  readonly colour: boolean;
  readonly now?: () => number;
}

const redrawMs = 100;
const tickMs = 1000;
const shownLayers = 6;

/**
 * A view of the running job at the bottom of a terminal, redrawn at most ten times a second: phase, stage, layers, elapsed time, last log lines.
 * Warnings, errors and results scroll by above it. The cursor is never hidden and no mode is set, so a killed process leaves a usable terminal.
 */
export function createLiveSink({ stream, colour, now = Date.now }: LiveOptions): Sink {
  const outlet = createOutlet({ stream, droppedNote: () => '', limit: 256 * 1024 });
  let progress = startProgress(now());
  let above = '';
  let drawn: readonly string[] = [];
  let drawnAt = 0;
  let redrawAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let open = true;

  const inColour = (line: string, event: JobEvent): string => (colour ? paint(line, event) : line);
  const columns = (): number => Math.max(20, stream.columns || 80);
  const erase = (): string => {
    const height = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(line) / columns())), 0);
    return height === 0 ? '' : `\r\x1b[${height}A\x1b[J`;
  };
  const redraw = (): void => {
    const height = Math.max(1, (stream.rows || 24) - 2);
    const lines = viewOf(progress, now(), columns() - 1).slice(-height);
    outlet.write('other', erase(), above, ...lines.map((line) => `${dim(line, colour)}\n`));
    above = '';
    drawn = lines;
    drawnAt = now();
    redrawAt = Number.POSITIVE_INFINITY;
    schedule(drawnAt + tickMs);
  };
  const schedule = (at: number): void => {
    if (at >= redrawAt) return;
    redrawAt = at;
    clearTimeout(timer);
    timer = setTimeout(redraw, Math.max(0, at - now())).unref();
  };

  return Object.freeze({
    emit: (event: JobEvent) => {
      if (!open) return;
      progress = advance(progress, event, now());
      if (event.type !== 'log' && isWorthKeeping(event)) above += `${inColour(describeEvent(event) ?? '', event)}\n`;
      schedule(drawnAt + redrawMs);
    },
    ready: () => undefined,
    flush: (deadlineMs: number) => {
      if (open) redraw();
      return outlet.flush(deadlineMs);
    },
    /** Takes the view away and leaves the last log lines and everything that scrolled by. */
    close: async (deadlineMs?: number) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      const tail = progress.tail.map((line) => `${neutralise(line)}\n`).join('');
      outlet.write('other', erase(), tail, above);
      await outlet.close(deadlineMs);
    },
  });
}

function isWorthKeeping(event: JobEvent): boolean {
  return (
    event.type === 'job-finished' ||
    event.type === 'job-started' ||
    event.type === 'stage' ||
    event.type === 'message' ||
    levelOf(event) !== 'info'
  );
}

/** The lines of the view, each at most `width` columns. */
export function viewOf(progress: Progress, now: number, width: number): string[] {
  const { stage, tail, phase, startedAt } = progress;
  const head = [
    phase === '' ? 'starting' : phase,
    stage && `${stage.component} for ${formatDuration(now - stage.since)}`,
    formatDuration(now - startedAt),
  ];
  return [
    ...tail.map((line) => neutralise(line)),
    ...layerLines(progress, now),
    head.filter((part) => part !== undefined).join(' · '),
  ].map((line) => truncate(line.replaceAll('\t', ' '), width));
}

function layerLines({ layers, layersDone }: Progress, now: number): string[] {
  if (layers.size === 0) return [];
  const shown = [...layers].slice(0, shownLayers);
  const table = formatTable(
    shown.map(([digest, layer]) => [shortDigest(digest), layer.status, amountOf(layer), speedOf(layer, now)]),
    { right: [2, 3] },
  );
  const rest = layers.size - shown.length;
  const counts = [
    rest > 0 ? `${rest} more ${rest === 1 ? 'layer' : 'layers'}` : '',
    layersDone > 0 ? `${counted(layersDone, 'layer')} done` : '',
  ].filter((part) => part !== '');
  return [...table.split('\n'), ...(counts.length === 0 ? [] : [counts.join(', ')])];
}

function amountOf({ bytes, total }: LayerProgress): string {
  return total > 0 ? `${formatBytes(bytes)} of ${formatBytes(total)}` : formatBytes(bytes);
}

function speedOf({ bytes, from, since }: LayerProgress, now: number): string {
  return bytes > from && now > since ? `${formatBytes(((bytes - from) * 1000) / (now - since))}/s` : '';
}

function dim(line: string, colour: boolean): string {
  return colour ? `\x1b[2m${line}\x1b[22m` : line;
}
