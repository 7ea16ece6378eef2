import { basename } from 'node:path';
import type { Verb } from './session.ts';

const help = `
Goes on where the process that ran the job was killed: finished steps are not run again, a container that runs is waited for.
JOB is its id, or \`latest\`. For a job that has its result, prints it again.

Example:
  componentd resume 01JD3Q4Z6V0Y8E6W1N9S5T7K2M`;

/** `resume`: takes over a job whose process is gone. */
export const resumeCommand: Verb = (program, session) => {
  program
    .command('resume <job>')
    .description('go on with a job whose process was killed')
    .addHelpText('after', help)
    .action(async (job: string) => {
      const { resumeJob } = await import('./job.ts');
      const { findJob } = await import('./job-status.ts');
      const { config } = session();
      await resumeJob(basename(await findJob(config.stateDir, job)), session());
    });
};
