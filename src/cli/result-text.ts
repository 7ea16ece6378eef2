import { counted } from '../base/counted.ts';
import type { Explanation, JobResult } from '../job/types.ts';
import { formatDuration, neutralise } from '../sinks/format.ts';
import { describeError, print, shown } from './output.ts';
import type { Session } from './session.ts';

/** The result of a job for people: what came of it, where it went, and how to look further; without the warnings that were `told` already. */
export function describeResult(result: JobResult, { config, quiet }: Session, told: readonly string[] = []): void {
  const { outcome, job, error } = result;
  if (error === undefined) print(`${shown(result.message)} (job ${job}, ${formatDuration(result.durationMs)})`);
  else {
    const { problems } = error;
    const lines = describeError(`job ${job} ended with ${outcome}: `, { message: result.message, problems });
    for (const line of lines) console.error(line);
    if (error.type === 'application')
      console.error(`  ${error.exceptionId}; what happened stands in ${config.stateDir}/jobs/${job}/events.ndjson`);
    if (result.explanation !== undefined)
      for (const line of describeExplanation(result.explanation, result.message)) console.error(`  ${line}`);
  }
  if (quiet) return;
  for (const warning of result.warnings) if (!told.includes(warning)) print(`  warning: ${shown(warning)}`);
  for (const { id, importedRows } of result.output.tables)
    print(`  table ${shown(id)}: ${counted(importedRows, 'row')}`);
  for (const { id, name } of result.output.files) print(`  file ${id}: ${shown(name)}`);
}

const linesShown = 5;

/** What was counted, the last words unless the message repeats them, and what to do. */
export function describeExplanation({ what, suggestion, lastLines }: Explanation, message: string): readonly string[] {
  const last = lastLines.slice(-linesShown);
  const isNews = last.some((line) => !message.includes(line.message));
  return [
    ...(what === undefined ? [] : [shown(what)]),
    ...(isNews ? ['Its last lines:', ...last.map((line) => `  ${line.stream} | ${neutralise(line.message)}`)] : []),
    ...(suggestion === undefined ? [] : [shown(suggestion)]),
  ];
}
