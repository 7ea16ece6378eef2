import { featureCommand } from './project-feature.ts';
import type { Session, Verb } from './session.ts';

const help = `
Brings a project that an older version made to today's format. Older versions cannot read it afterwards.
The catalogue of before is kept beside the new one as catalogue.format-N.sqlite; remove it when all is well.
Nobody else may use the project meanwhile. Killed at any moment, it leaves the old format or the new one.

Examples:
  componentd project upgrade --dry-run
  componentd project upgrade`;

const resetHelp = `
For whoever owns the folder and has lost the secret in it, or fears that others know it. The secret lies in the folder only.

Example:
  componentd project reset-token`;

/** `project`: the project folder itself. */
export const projectCommand: Verb = (program, session) => {
  const project = program
    .command('project')
    .description('upgrade a project folder, renew its own token, choose its features');
  featureCommand(project, session);
  project
    .command('upgrade')
    .description("bring a project of an older version to today's format")
    .option('--dry-run', 'say what would be done')
    .addHelpText('after', help)
    .action((options: { readonly dryRun?: boolean }) => upgrade(options.dryRun === true, session()));
  project
    .command('reset-token')
    .description("give the project's own token a new secret, without any token")
    .addHelpText('after', resetHelp)
    .action(() => resetToken(session()));
};

async function upgrade(dryRun: boolean, { config, json }: Session): Promise<void> {
  const { upgradeProject } = await import('../storage/local/upgrade.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const done = await upgradeProject(config.project, { dryRun });
  if (json) return printJson({ type: 'result', dryRun, ...done });
  const { path, from, to, steps, backup } = done;
  if (steps.length === 0) return print(`${shown(path)} has format ${to} already`);
  print(`${dryRun ? 'would upgrade' : 'upgraded'} ${shown(path)} from format ${from} to ${to}:`);
  for (const step of steps) print(`  ${step}`);
  if (backup !== undefined) print(`the catalogue of before is kept as ${backup}`);
}

async function resetToken({ config, json }: Session): Promise<void> {
  const { resetProjectToken } = await import('../storage/local/project-token.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const { id, path } = await resetProjectToken(config.project);
  if (json) printJson({ type: 'result', token: id, path });
  else print(`renewed the project's own token; its secret is in ${shown(path)}`);
}
