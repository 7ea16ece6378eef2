import type { JobOptions } from './job.ts';
import type { Verb } from './session.ts';

const help = `
Prints every decision a run would take, as JSON, without touching containerd. Secrets are hidden.

Examples:
  componentd plan job.json
  componentd plan acme.ex-weather --config 12`;

/** `plan`: what a run would do. */
export const planCommand: Verb = (program, session) => {
  program
    .command('plan <target>')
    .description('print what a run would do; nothing is started')
    .option('--config <id>', 'configuration of the component')
    .option(
      '--row <id>',
      'only this row; may be given several times',
      (value, all: readonly string[]) => [...all, value],
      [],
    )
    .option('--tag <tag>', "image tag instead of the definition's")
    .addHelpText('after', help)
    .action(async (target: string, options: JobOptions) => {
      const { planTarget } = await import('./job.ts');
      await planTarget(target, options, session());
    });
};
