import { counted } from '../base/counted.ts';
import { exitCodeOf, UserError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import { catalogue } from '../job/check/catalogue.ts';
import type { CheckResult, CheckStatus, Tell } from '../job/check/types.ts';
import { describeEvent } from '../sinks/describe.ts';
import { print, printJson, shown } from './output.ts';
import { createScreen } from './screen.ts';
import type { Session } from './session.ts';
import { isColoured, lineWidth } from './terminal.ts';

/** Where a check is told: how the image comes, then one line for each check, then what it came to. */
export interface CheckScreen {
  readonly emit: Emit;
  readonly tell: Tell;
  /** The image is there, or cannot be; the results begin. */
  begin(image: { readonly name: string; readonly digest: string }): Promise<void>;
  /** Prints the summary, and sets the exit code. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Of ECMA-48's SGR. */
const colours: Readonly<Record<CheckStatus, number>> = {
  ok: 32,
  failed: 31,
  warning: 33,
  skipped: 90,
};

export function sessionScreen(session: Session): CheckScreen {
  const { json, quiet } = session;
  const progress = createScreen(session);
  const counts: Record<CheckStatus, number> = { ok: 0, failed: 0, warning: 0, skipped: 0 };
  const state = { isOpen: true, image: { name: '', digest: '' } };
  const paint = isColoured(session.config, process.stdout)
    ? (text: string, status: CheckStatus): string => `\x1b[${colours[status]}m${text}\x1b[39m`
    : (text: string): string => text;
  const close = async (): Promise<void> => {
    state.isOpen = false;
    await progress.close();
  };
  return {
    emit: (event) => {
      if (state.isOpen) return progress.emit(event);
      const text = describeEvent(event);
      if (event.type === 'release-failed' && text !== undefined) console.error(text);
    },
    begin: async ({ name, digest }) => {
      await close();
      state.image = { name, digest };
      if (!json && !quiet) print(shown([name, digest.slice(0, 19)].filter(Boolean).join(' ')));
    },
    tell: (result) => {
      counts[result.status] += 1;
      if (json) printJson({ type: 'check', ...result, ...catalogue[result.check] });
      else if (!quiet || result.status === 'failed' || result.status === 'warning') printResult(result, paint);
    },
    end: async () => {
      const isKept = counts.failed === 0;
      const { name, digest } = state.image;
      if (json) printJson({ type: 'result', image: name, digest, isKept, counts });
      else print(summary(counts));
      if (!isKept) session.exitWith(exitCodeOf(new UserError('the image breaks the contract')));
    },
    close,
  };
}

const titleWidth = Math.max(...Object.values(catalogue).map(({ title }) => title.length));
const indent = ' '.repeat(9);

function printResult(
  { check, status, saw, hint }: CheckResult,
  paint: (text: string, of: CheckStatus) => string,
): void {
  const { title, why } = catalogue[check];
  print(`${paint(status.padEnd(7), status)}  ${title.padEnd(titleWidth)}  ${shown(saw)}`);
  if (status !== 'failed' && status !== 'warning') return;
  for (const text of hint === undefined ? [why] : [why, hint]) {
    for (const line of wrapped(text, lineWidth() - indent.length)) print(`${indent}${line}`);
  }
}

/** Lines of whole words, not longer than the width where that is possible. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function summary({ ok, failed, warning, skipped }: Readonly<Record<CheckStatus, number>>): string {
  const verdict = failed === 0 ? 'The image keeps the contract' : 'The image breaks the contract';
  return `${verdict}: ${ok} ok, ${failed} failed, ${counted(warning, 'warning')}, ${skipped} skipped.`;
}
