import type { ErrorClass, Problem } from '../base/errors.ts';
import { formatProblem, formatProblems } from '../base/errors.ts';
import { formatTable, neutralise, safeJson } from '../sinks/format.ts';
import { lineWidth } from './terminal.ts';

interface Printable {
  readonly message: string;
  readonly class: ErrorClass;
  readonly hint: string | undefined;
  readonly reason: string | undefined;
  readonly problems: readonly Problem[];
}

/** One line to standard output. */
export function print(line: string): void {
  console.log(line);
}

/** One JSON object on a line of its own, to standard output. */
export function printJson(value: unknown): void {
  print(safeJson(JSON.stringify(value)));
}

/** An error for people on standard error, every problem on a line of its own; with `json` also as the result object on standard output. */
export function printError(error: Printable, { json }: { readonly json: boolean }): void {
  const { problems, hint } = error;
  if (json)
    printJson({ type: 'error', class: error.class, reason: error.reason, message: error.message, hint, problems });
  for (const line of describeError('', error)) console.error(line);
  if (hint !== undefined) console.error(`  ${shown(hint)}`);
}

/**
 * An error's message and its problems, safe to show: a list of several problems when the message repeats them in one line, else the whole
 * message and those problems that it does not speak of. Nothing is lost, nothing is said twice.
 */
export function describeError(
  about: string,
  { message, problems }: { readonly message: string; readonly problems: readonly Problem[] },
): readonly string[] {
  const repeated = formatProblems(problems);
  const isList = problems.length > 1 && message.endsWith(repeated);
  const headline = isList ? message.slice(0, -repeated.length) : message;
  const listed = isList ? problems : problems.filter((problem) => !speaksOf(message, problem));
  return [`componentd: ${about}${shown(headline)}`, ...listed.map((problem) => `  ${shown(formatProblem(problem))}`)];
}

function speaksOf(text: string, { message, source, path, hint }: Problem): boolean {
  return [message, source, path, hint].every((part) => part === undefined || text.includes(part));
}

/** Text of others for a terminal: neutralised, its lines after the first set in so that none can pretend to be ours. */
export function shown(text: string): string {
  return text.trimEnd().split(/\r?\n/).map(neutralise).join('\n  ');
}

/** Rows under a header, columns as wide as they need to be; a terminal gets what fits. Every cell is one line, and safe to show. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  print(
    formatTable(
      [header, ...rows].map((row) => row.map(cell)),
      { width: lineWidth() },
    ),
  );
}

function cell(text: string): string {
  return neutralise(text).replaceAll('\t', '\u2409');
}
