import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Level, Stream } from '../base/events.ts';
import { createOutputReader } from '../base/output.ts';
import { createRedactor, type Redactor } from '../base/redactor.ts';
import { logPaths } from './containers.ts';
import type { JobContext, StageRun } from './context.ts';
import { type LastLine, LastLines, lastLinesKept } from './last-lines.ts';

const keptCharacters = 60_000;
/** Of the raw file: holds the kept characters, whatever their encoding and their secrets. */
const headBytes = 256 * 1024;
const levels: Readonly<Record<Stream, Level>> = { stdout: 'info', stderr: 'error' };

/** The output of one stage on its way from the shim's files to events. */
export interface StageOutput {
  /** To be called when the shim has written its last byte. */
  ended(): void;
  /** Every line has become an event. */
  readonly drained: Promise<void>;
  /** Settles only when output comes faster than it can be passed on. */
  readonly flooded: Promise<void>;
  /** The first 60,000 characters of each stream, redacted, and a mark where there were more (contract 6.3). */
  collected(): { readonly stdout: string; readonly stderr: string };
  /** The last lines of both streams, redacted. */
  lastLines(): Promise<readonly LastLine[]>;
}

/** Follows both streams from where the record of the job ends. This is the one place where bytes of a component become events. */
export function followStage({ row, stage }: StageRun, context: JobContext): StageOutput {
  const { engine, settings, secrets, emit, offsets } = context;
  const ended = Promise.withResolvers<void>();
  const flooded = Promise.withResolvers<void>();
  const kept: Record<Stream, string> = { stdout: '', stderr: '' };
  const paths = logPaths(context.folder, row.index, stage.index);

  const redactor = createRedactor(secrets);
  const last = new LastLines();
  const begin = {
    stdout: offsets(row.index, stage.index, 'stdout'),
    stderr: offsets(row.index, stage.index, 'stderr'),
  };

  const follow = async (stream: Stream): Promise<void> => {
    const from = begin[stream];
    const keep = (message: string): void => {
      if (kept[stream].length <= keptCharacters) kept[stream] += `${message}\n`;
    };
    // What an earlier process told belongs to the message of a failure as well.
    if (from > 0) await readHead({ path: paths[stream], length: Math.min(from, headBytes), redactor, onLine: keep });
    const reader = createOutputReader({
      redactor,
      onLine: (message, offset) => {
        keep(message);
        last.add(stream, message);
        const about = { row: row.index, stage: stage.index, component: stage.component };
        emit({ type: 'log', ...about, stream, level: levels[stream], message, offset });
      },
    });
    await engine.followLog({
      path: paths[stream],
      from,
      ended: ended.promise,
      onChunk: (bytes, endOffset) => {
        reader.push(bytes, endOffset - bytes.length);
        return context.pace();
      },
      // What the record does not hold yet must stay in the file: a later process reads it from there.
      settledOffset: () => offsets(row.index, stage.index, stream),
      keepHeadBytes: headBytes,
      limits: { backlogBytes: settings.logBacklogBytes },
    });
    reader.end();
  };

  const drained = Promise.all([follow('stdout'), follow('stderr')]).then(() => undefined);
  drained.catch(() => flooded.resolve());
  return {
    ended: ended.resolve,
    drained,
    flooded: flooded.promise,
    collected: () => ({ stdout: trimmed(kept.stdout), stderr: trimmed(kept.stderr) }),
    lastLines: async () => {
      const own = last.list();
      const isWhole = own.length === lastLinesKept || (begin.stdout === 0 && begin.stderr === 0);
      if (isWhole || context.recorded === undefined) return own;
      // An earlier process saw what came before. No record is worth more than the failure it should explain.
      const recorded = await context.recorded(row.index, stage.index, 2 * lastLinesKept).catch(() => []);
      const all = new LastLines();
      for (const { stream, message, offset } of recorded) if (offset <= begin[stream]) all.add(stream, message);
      for (const { stream, message } of own) all.add(stream, message);
      return all.list();
    },
  };
}

function trimmed(text: string): string {
  return text.trim().length > keptCharacters ? `${text.trim().slice(0, keptCharacters)} [trimmed]` : text;
}

interface Head {
  readonly path: string;
  readonly length: number;
  readonly redactor: Redactor;
  readonly onLine: (text: string) => void;
}

async function readHead({ path, length, redactor, onLine }: Head): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
  const reader = createOutputReader({ redactor, onLine });
  reader.push(buffer.subarray(0, bytesRead), 0);
  reader.end();
}
