import type { JobOptions } from './job.ts';
import type { Verb } from './session.ts';

const help = `
TARGET is a job file (its name ends in .json, or - for standard input) or the id of a component.

Examples:
  componentd run job.json
  componentd run acme.ex-weather --config 12
  componentd run acme.ex-weather --config 12 --row r7 --tag 1.3.0-rc1
  echo '{"component":"acme.ex-weather","configData":{}}' | componentd run - --json`;

/** `run`: one job, from its file or from a stored configuration, to its result. */
export const runCommand: Verb = (program, session) => {
  program
    .command('run <target>')
    .description('run a job and wait for its result')
    .option('--config <id>', 'configuration of the component')
    .option('--row <id>', 'run only this row; may be given several times', collect, [])
    .option('--tag <tag>', "image tag instead of the definition's")
    .addHelpText('after', help)
    .action(async (target: string, options: JobOptions) => {
      const { runTarget } = await import('./job.ts');
      await runTarget(target, options, session());
    });
};

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
