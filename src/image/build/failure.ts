import { ApplicationError, UserError } from '../../base/errors.ts';
import { formatMemory } from '../../base/memory-text.ts';
import type { BuildLog } from './build-log.ts';
import { StepFailed, type WorkshopLimits } from './workshop.ts';

interface Failed {
  readonly log: BuildLog;
  readonly component: string;
  readonly limits: WorkshopLimits;
}

/** Whose failure it is that a step failed: the author's of the job, when the commands say so between markers (contract 9.3). */
export function explainFailure(error: unknown, { log, component, limits }: Failed): unknown {
  if (!(error instanceof StepFailed)) return error;
  const said = log.userError();
  if (said !== undefined) return new UserError(said, { reason: 'build' });
  if (error.oomKills > 0) {
    return new UserError(
      `building the image of ${component} needs more than ${formatMemory(limits.memoryBytes)} of memory`,
      {
        reason: 'oom',
        hint: 'Make it need less, or ask the operator to raise images.build.memory.',
      },
    );
  }
  return new ApplicationError(
    `the image of ${component} cannot be built (exit code ${error.exitCode}): ${log.tail()}`,
    {
      reason: 'build',
    },
  );
}
