import type { Verb } from './session.ts';

const help = `
Makes the project folder of the embedded Storage: an empty catalogue, the key that encrypts secrets, and a token.
Keep the key: without it no secret of the project can be read again.

Example:
  componentd init --project ./project --name "My data"`;

/** `init`: makes a project folder. */
export const initCommand: Verb = (program, session) => {
  program
    .command('init')
    .description('make a project folder')
    .option('--name <name>', 'name of the project')
    .addHelpText('after', help)
    .action(async ({ name }: { readonly name?: string }) => {
      const { config, json } = session();
      const { initProject } = await import('../storage/local/init.ts');
      const { print, printJson, shown } = await import('./output.ts');
      const project = await initProject({ path: config.project, ...(name !== undefined && { name }) });
      if (json) printJson({ type: 'result', ...project });
      else print(`Made project ${project.id} in ${shown(project.path)}`);
    });
};
