import type { Verb } from './session.ts';

const help = `
JOB is the id of a job, or \`latest\`. Its files are only read: a job that runs is not disturbed.

Examples:
  componentd show latest
  componentd show 01JD3Q4Z6V0Y8E6W1N9S5T7K2M --json`;

/** `show`: one job, what was planned and what came of it. */
export const showCommand: Verb = (program, session) => {
  program
    .command('show <job>')
    .description('print the plan, the steps and the result of a job')
    .addHelpText('after', help)
    .action(async (job: string) => (await import('./show-job.ts')).showJob(job, session()));
};
