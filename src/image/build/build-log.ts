import type { Emit, Stream } from '../../base/events.ts';
import { createOutputReader, type OutputReader } from '../../base/output.ts';
import { createRedactor } from '../../base/redactor.ts';

/** What a build printed, on its way to events and into the message of a failure. */
export interface BuildLog {
  readonly take: (stream: Stream, bytes: Buffer, offset: number) => void;
  /** Nothing more will come. */
  end(): void;
  /** The last of it, redacted. */
  tail(): string;
  /** What stands between two user-error markers (contract 9.3), if it was printed and not only quoted from a command. */
  userError(): string | undefined;
}

const shownBytes = 4 * 2 ** 20;
const keptCharacters = 60_000;

/**
 * Lines become events as they come, redacted, the first 4 MiB of them; the last 60,000 characters are kept. `secrets` are those of the
 * build: nothing of them is told in any spelling.
 */
export function createBuildLog(
  secrets: Iterable<string>,
  { emit, component }: { emit: Emit; component: string },
): BuildLog {
  const redactor = createRedactor(secrets);
  const kept: string[] = [];
  const heard: string[] = [];
  const length = { kept: 0, heard: 0, shown: 0 };
  const onLine = (message: string): void => {
    keep(kept, message, { length, key: 'kept' });
    if (!isQuoting(message)) keep(heard, message, { length, key: 'heard' });
    if (length.shown > shownBytes) return;
    length.shown += message.length + 1;
    emit({ type: 'build', component, message });
    if (length.shown > shownBytes) emit({ type: 'build', component, message: '[the rest of this output is left out]' });
  };
  const readers: Record<Stream, OutputReader> = {
    stdout: createOutputReader({ redactor, onLine }),
    stderr: createOutputReader({ redactor, onLine }),
  };
  return {
    take: (stream, bytes, offset) => readers[stream].push(bytes, offset),
    end: () => {
      for (const reader of Object.values(readers)) reader.end();
    },
    tail: () => kept.join('\n'),
    userError: () => /KBC::USER_ERR:([\s\S]*?)KBC::USER_ERR/.exec(heard.join('\n'))?.[1]?.trim(),
  };
}

interface Bound {
  readonly length: Record<'kept' | 'heard', number>;
  readonly key: 'kept' | 'heard';
}

/** At the end, and the oldest make room. */
function keep(lines: string[], message: string, { length, key }: Bound): void {
  lines.push(message);
  length[key] += message.length + 1;
  while (length[key] > keptCharacters && lines.length > 1) length[key] -= (lines.shift() ?? '').length + 1;
}

/** The builder says what it is about to run, or what failed, and that may hold a marker as a part of the command. */
function isQuoting(line: string): boolean {
  return /^(?:STEP \d|\[\d+\/\d+\] STEP |(?:Error|error): ?(?:building|while running)|time=)/i.test(line);
}
