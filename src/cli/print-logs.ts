import { exitCodeOf, UsageError, UserError } from '../base/errors.ts';
import type { StampedEvent } from '../base/events.ts';
import { describeEvent, levelOf } from '../sinks/describe.ts';
import { safeJson } from '../sinks/format.ts';
import { paint } from '../sinks/paint.ts';
import { recordLines } from '../sinks/record-lines.ts';
import { followRecord } from './follow-record.ts';
import { filesOf, findJob, seeJob } from './job-status.ts';
import { type LineWriter, openLineWriter } from './line-writer.ts';
import { sinceMs } from './list-jobs.ts';
import { printError } from './output.ts';
import type { Session } from './session.ts';
import { isColoured } from './terminal.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly row?: string;
  readonly stage?: string;
  readonly stderr?: boolean;
  readonly since?: string;
  readonly tail?: string;
  readonly all?: boolean;
  readonly timestamps?: boolean;
}

/** Of the last lines one number each is remembered. */
const mostTail = 1_000_000;

/** Prints the record of a job, whatever it weighs, in constant memory; a reader that goes away ends it. */
export async function printLogs(asked: string, options: LogsOptions, session: Session): Promise<void> {
  const path = await findJob(session.config.stateDir, asked);
  const record = filesOf(path).events;
  const isWanted = await wantedOf(path, options);
  const from = options.tail === undefined ? 0 : await tailOffset(record, isWanted, wholeNumber('--tail', options.tail));
  const render = rendererOf(options, session);
  await using writer = openLineWriter();
  const lines =
    options.follow === true ? followRecord(path, { from, signal: session.signal }) : recordLines(record, from);
  try {
    for await (const { line } of lines) {
      session.signal.throwIfAborted();
      if (writer.closed) return;
      const event = JSON.parse(line.toString('utf8')) as StampedEvent;
      if (isWanted(event)) await writer.write(render(event, line));
    }
  } catch (error) {
    if (!session.signal.aborted) throw error;
    // Whoever follows a log ends it so.
    return session.exitWith(exitCodeOf(session.signal.reason));
  }
  if (options.follow === true) await tellIfAbandoned(path, writer);
}

type IsWanted = (event: StampedEvent) => boolean;

async function wantedOf(path: string, { row, stage, stderr, since, all }: LogsOptions): Promise<IsWanted> {
  const wantedRow = row === undefined ? undefined : await rowNumber(path, row);
  const wantedStage = stage === undefined ? undefined : wholeNumber('--stage', stage);
  const after = sinceMs(since);
  const isNarrow = wantedRow !== undefined || wantedStage !== undefined || stderr === true;
  return (event) => {
    if (Number.isFinite(after) && Date.parse(event.time) < after) return false;
    const of =
      event.type === 'log-dropped' ? event.source : event.type === 'log' || event.type === 'stage' ? event : undefined;
    if (of === undefined) return !isNarrow && (all === true ? isTold(event) : isPrinted(event));
    if (event.type === 'stage' && all !== true) return false;
    return (
      (wantedRow === undefined || of.row === wantedRow) &&
      (wantedStage === undefined || of.stage === wantedStage) &&
      (stderr !== true || ('stream' in of && of.stream === 'stderr'))
    );
  };
}

function isTold(event: StampedEvent): boolean {
  return describeEvent(event) !== undefined;
}

/** By no container of a stage, and yet worth reading with what those printed. */
function isPrinted(event: StampedEvent): boolean {
  return event.type === 'build' || (event.type === 'message' && levelOf(event) !== 'info');
}

/** Rows have ids; a configuration without rows is number 0. */
async function rowNumber(path: string, id: string): Promise<number> {
  const { plan, job } = await seeJob(path);
  const rows = plan?.rows ?? [];
  const found = rows.find((row) => (row.rowId ?? String(row.index)) === id);
  if (found !== undefined) return found.index;
  throw new UserError(`job ${job} has no row "${id}"`, {
    hint: `Its rows are ${rows.map((row) => row.rowId ?? row.index).join(', ')}.`,
  });
}

function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= mostTail) return Number(text);
  throw new UsageError(`${flag} needs a whole number up to ${mostTail}, not "${text}"`);
}

/** Where the last `count` wanted lines begin. */
async function tailOffset(record: string, isWanted: IsWanted, count: number): Promise<number> {
  const begins = new Float64Array(count);
  let seen = 0;
  let begin = 0;
  for await (const { line, end } of recordLines(record)) {
    if (count > 0 && isWanted(JSON.parse(line.toString('utf8')) as StampedEvent)) {
      begins[seen % count] = begin;
      seen += 1;
    }
    begin = end;
  }
  if (count === 0) return begin;
  return seen <= count ? 0 : (begins[seen % count] ?? 0);
}

function rendererOf(
  { timestamps }: LogsOptions,
  { json, config }: Session,
): (event: StampedEvent, line: Buffer) => string {
  if (json && process.stdout.isTTY) return (_, line) => safeJson(line.toString('utf8'));
  if (json) return (_, line) => line.toString('utf8');
  const colour = isColoured(config, process.stdout);
  return (event) => {
    const text = describeEvent(event) ?? '';
    const stamped = timestamps === true ? `${event.time} ${text}` : text;
    return colour ? paint(stamped, event) : stamped;
  };
}

async function tellIfAbandoned(path: string, { closed }: LineWriter): Promise<void> {
  const { status, job } = await seeJob(path);
  if (status !== 'resumable' || closed) return;
  const hint = `Go on with it: componentd resume ${job}`;
  printError(new UserError(`the process that ran job ${job} is gone`, { hint }), { json: false });
}
