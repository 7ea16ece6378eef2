import { UserError } from '../base/errors.ts';
import { type Json, parseJson, stringifyJson } from '../base/json.ts';
import { readInput } from './component.ts';
import type { Session, Verb } from './session.ts';

const setHelp = `
FILE holds the configuration itself ({"parameters": …, "storage": …}), or an envelope with rows:
{"name": …, "isDisabled": false, "configuration": {…}, "rows": [{"id": "r1", "configuration": {…}}]}.
Values under "#" keys are encrypted. The state is kept.

Example:
  echo '{"parameters":{"city":"Brno","#token":"secret"}}' | componentd config set acme.ex-weather 12 -`;

/** `config`: configurations of components, with rows. */
export const configCommand: Verb = (program, session) => {
  const config = program.command('config').description('set, show and list configurations');
  config
    .command('set <component> <id> <file>')
    .description('store a configuration as its next version; - for standard input')
    .addHelpText('after', setHelp)
    .action((component: string, id: string, file: string) => set({ component, id, file }, session()));
  config
    .command('show <component> <id>')
    .description('print a configuration with its rows and states; secrets stay encrypted')
    .addHelpText('after', '\nExample:\n  componentd config show acme.ex-weather 12')
    .action((component: string, id: string) => show(component, id, session()));
  config
    .command('ls [component]')
    .description('list the configurations')
    .addHelpText('after', '\nExample:\n  componentd config ls acme.ex-weather')
    .action((component: string | undefined) => list(component, session()));
};

async function set(
  { component, id, file }: { component: string; id: string; file: string },
  session: Session,
): Promise<void> {
  const { setConfiguration } = await import('../storage/local/configurations.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const { content, source } = await readInput(file);
  const { readConfiguration } = await import('./configuration-file.ts');
  const input = await readConfiguration(content, source);
  await withProject(session.config, async ({ storage: { parts } }) => {
    const stored = setConfiguration(parts.catalogue, parts.secrets, component, { id, ...input });
    if (session.json) printJson({ type: 'result', component, config: id, version: stored.version });
    else print(`stored version ${stored.version} of configuration ${shown(id)} of ${shown(component)}`);
  });
}

async function show(component: string, id: string, { config, json }: Session): Promise<void> {
  const { getConfiguration } = await import('../storage/local/configuration-store.ts');
  const { withProject } = await import('./project.ts');
  const { print, safeJson } = await import('./output.ts');
  await withProject(config, async ({ storage: { parts } }) => {
    const found = getConfiguration(parts.catalogue, component, id);
    if (found === undefined) {
      throw new UserError(`there is no configuration "${id}" of ${component}`, { hint: 'See `componentd config ls`.' });
    }
    const { name, version, isDisabled, configuration, state, rows } = found;
    const document = new Map<string, Json>([
      ['component', component],
      ['id', id],
      ['name', name],
      ['version', version],
      ['isDisabled', isDisabled],
      ['configuration', parseJson(configuration)],
      ['state', parseJson(state)],
      [
        'rows',
        rows.map(
          (row) =>
            new Map<string, Json>([
              ['id', row.id],
              ['isDisabled', row.isDisabled],
              ['configuration', parseJson(row.configuration)],
              ['state', parseJson(row.state)],
            ]),
        ),
      ],
    ]);
    print(safeJson(stringifyJson(document, json ? 0 : 2)));
  });
}

async function list(component: string | undefined, { config, json }: Session): Promise<void> {
  const { listConfigurations } = await import('../storage/local/configuration-store.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, printTable } = await import('./output.ts');
  await withProject(config, async ({ storage: { parts } }) => {
    const found = listConfigurations(parts.catalogue, component);
    if (json) return printJson({ type: 'result', configurations: found });
    if (found.length === 0) return print('No configurations. Store one with `componentd config set`.');
    printTable(
      ['COMPONENT', 'ID', 'NAME', 'VERSION', 'ROWS', 'DISABLED'],
      found.map((one) => [one.component, one.id, one.name, one.version, String(one.rows), one.isDisabled ? 'yes' : '']),
    );
  });
}
