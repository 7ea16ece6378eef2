import { UsageError } from '../base/errors.ts';
import type { JobsOptions } from './list-jobs.ts';
import type { Verb } from './session.ts';

const help = `
A job is known by the id that it got when it was run. STATUS is how it ended, or running; resumable: its process is gone, and
\`componentd resume\` goes on with it; damaged, unplanned: \`componentd sweep\` takes it away.

Examples:
  componentd jobs
  componentd jobs --component acme.ex-weather --config 12 --limit 5
  componentd jobs --status resumable --json`;

/** `jobs`: what ran in this state directory, and what runs. */
export const jobsCommand: Verb = (program, session) => {
  program
    .command('jobs')
    .description('list the jobs of the state directory, the newest first')
    .option('--component <id>', 'only jobs of this component')
    .option('--config <id>', 'only jobs of this configuration')
    .option('--status <status>', 'only these: running, resumable, success, user_error, …')
    .option('--since <time>', 'only those planned after this: 2026-11-20, "2 hours ago"')
    .option('--limit <count>', 'at most so many', '50')
    .addHelpText('after', help)
    .action(async (options: JobsOptions & { readonly limit: string }) => {
      if (!/^[1-9]\d{0,8}$/.test(options.limit))
        throw new UsageError(`--limit needs a whole number, not "${options.limit}"`);
      await (await import('./list-jobs.ts')).listJobs({ ...options, limit: Number(options.limit) }, session());
    });
};
