import type { Command } from 'commander';
import type { Session } from './session.ts';

const help = `
Components find the features in KBC_PROJECT_FEATURE_GATES. Without NAME they are listed. new-native-types makes schemas of output tables
count; new projects have it, those of older versions do not.

Examples:
  componentd project feature
  componentd project feature new-native-types
  componentd project feature new-native-types --off`;

/** `project feature`: what a project can do beyond the usual. */
export function featureCommand(project: Command, session: () => Session): void {
  project
    .command('feature [name]')
    .description('list the features of a project, or turn one on or off')
    .option('--off', 'turn it off')
    .addHelpText('after', help)
    .action((name: string | undefined, { off }: { readonly off?: boolean }) =>
      change(name, { isOn: off !== true }, session()),
    );
}

async function change(
  name: string | undefined,
  { isOn }: { readonly isOn: boolean },
  { config, json }: Session,
): Promise<void> {
  const { setFeature } = await import('../storage/local/features.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, shown } = await import('./output.ts');
  await withProject(config, async ({ storage }) => {
    const features = name === undefined ? storage.project.features : setFeature(storage.partsFor(), name, isOn);
    if (json) printJson({ type: 'result', features });
    else print(features.length === 0 ? 'The project has no features.' : shown(features.join('\n')));
  });
}
