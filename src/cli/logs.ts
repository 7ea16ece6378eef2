import type { LogsOptions } from './print-logs.ts';
import type { Verb } from './session.ts';

const help = `
JOB is the id of a job, or \`latest\`. Prints what its containers and its builds wrote, in the order in which it was recorded; secrets are hidden already.
The numbers of stages and the rows are those that \`componentd show\` prints. With --json each line is the recorded event.

Examples:
  componentd logs latest
  componentd logs latest -f --stderr
  componentd logs 01JD3Q4Z6V0Y8E6W1N9S5T7K2M --stage 1 --tail 20
  componentd logs latest --since 10m --timestamps`;

/** `logs`: what a job printed, from its record; also while it runs. */
export const logsCommand: Verb = (program, session) => {
  program
    .command('logs <job>')
    .description('print what the containers of a job wrote')
    .option('-f, --follow', 'go on until the job ends')
    .option('--row <id>', 'only of this row')
    .option('--stage <number>', 'only of this stage of a row')
    .option('--stderr', 'only standard error')
    .option('--since <time>', 'only what came after this: 10m, 2h, "2026-11-20 14:00"')
    .option('--tail <lines>', 'only the last lines')
    .option('--all', 'also what componentd told: phases, images, transfers, stages')
    .option('--timestamps', 'the time before each line (UTC)')
    .addHelpText('after', help)
    .action(async (job: string, options: LogsOptions) => {
      await (await import('./print-logs.ts')).printLogs(job, options, session());
    });
};
