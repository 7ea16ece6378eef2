import type { JobResult } from '../job/types.ts';
import { formatDuration } from '../sinks/format.ts';
import { describeError, print, shown } from './output.ts';
import type { Session } from './session.ts';

/** The result of a job for people: what came of it, where it went, and how to look further. */
export function describeResult(result: JobResult, { config, quiet }: Session): void {
  const { outcome, job, error } = result;
  if (error === undefined) print(`${shown(result.message)} (job ${job}, ${formatDuration(result.durationMs)})`);
  else {
    const { problems } = error;
    const lines = describeError(`job ${job} ended with ${outcome}: `, { message: result.message, problems });
    for (const line of lines) console.error(line);
    if (error.type === 'application')
      console.error(`  ${error.exceptionId}; what happened stands in ${config.stateDir}/jobs/${job}/events.ndjson`);
  }
  if (quiet) return;
  for (const warning of result.warnings) print(`  warning: ${shown(warning)}`);
  for (const { id, importedRows } of result.output.tables) print(`  table ${shown(id)}: ${importedRows} rows`);
  for (const { id, name } of result.output.files) print(`  file ${id}: ${shown(name)}`);
}
