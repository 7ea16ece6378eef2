import { formatProblem, type Problem } from '../base/errors.ts';
import { print, printJson, shown } from './output.ts';
import type { Session } from './session.ts';

/** What a validation came to. */
export interface Validation {
  /** What was looked at. */
  readonly name: string;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Prints every problem, and sets the exit code 1 when there is one. */
export function tellValidation({ name, problems, warnings }: Validation, { json, quiet, exitWith }: Session): void {
  const valid = problems.length === 0;
  if (json) printJson({ type: 'result', valid, problems, warnings });
  else {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    print(valid ? `${shown(name)} is fine` : `${shown(name)} has ${count}:`);
    for (const problem of problems) print(`  ${shown(formatProblem(problem))}`);
    if (!quiet) for (const warning of warnings) print(`  warning: ${shown(warning)}`);
  }
  if (!valid) exitWith(1);
}
