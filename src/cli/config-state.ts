import type { Command } from 'commander';
import type { Json, JsonObject } from '../base/json.ts';
import type { StateKey } from '../storage/local/states.ts';
import type { Session } from './session.ts';

const showHelp = `
What a component keeps from run to run; secrets stay encrypted.

Examples:
  componentd config state show acme.ex-weather 12
  componentd config state show acme.ex-weather 12 --row r1 --json`;

const setHelp = `
FILE holds the whole state as JSON: {"component": …, "storage": …}. "component" is what the component finds in in/state.json.
States have no versions: keep what \`config state show\` prints if you may want it back.

Example:
  echo '{"component":{"since":"2026-01-01"}}' | componentd config state set acme.ex-weather 12 -`;

const resetHelp = `
The next run starts as if it were the first. States have no versions: with --json the old one is in the result.

Example:
  componentd config state reset acme.ex-weather 12 --row r1`;

interface RowOption {
  readonly row?: string;
}

/** `config state`: what components keep from run to run. */
export function stateCommand(config: Command, session: () => Session): void {
  const state = config.command('state').description('what a component keeps from run to run');
  const keyOf = (component: string, id: string, { row }: RowOption): StateKey => {
    return { component, id, ...(row !== undefined && { row }) };
  };
  state
    .command('show <component> <config>')
    .description('print a state')
    .option('--row <id>', 'of this row')
    .addHelpText('after', showHelp)
    .action((component: string, id: string, options: RowOption) => show(keyOf(component, id, options), session()));
  state
    .command('set <component> <config> <file>')
    .description('replace a state; - for standard input')
    .option('--row <id>', 'of this row')
    .addHelpText('after', setHelp)
    .action(async (component: string, id: string, file: string, options: RowOption) => {
      const { readInput } = await import('./component.ts');
      const { parseStoredState } = await import('../job/state.ts');
      const { parseDocument } = await import('./configuration-file.ts');
      const { content, source } = await readInput(file);
      parseStoredState(parseDocument(content, source), source);
      await replace(keyOf(component, id, options), content, session());
    });
  state
    .command('reset <component> <config>')
    .description('empty a state')
    .option('--row <id>', 'of this row')
    .addHelpText('after', resetHelp)
    .action((component: string, id: string, options: RowOption) =>
      replace(keyOf(component, id, options), '{}', session()),
    );
}

async function show(key: StateKey, { config, json }: Session): Promise<void> {
  const { parseJson, stringifyJson } = await import('../base/json.ts');
  const { readState } = await import('../storage/local/states.ts');
  const { withProject } = await import('./project.ts');
  const { print } = await import('./output.ts');
  const { safeJson } = await import('../sinks/format.ts');
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor({ on: 'configurations', to: 'read' });
    const state = parseJson(readState(catalogue, key));
    print(safeJson(json ? stringifyJson(resultOf(key, ['state', state])) : stringifyJson(state, 2)));
  });
}

async function replace(key: StateKey, text: string, { config, json }: Session): Promise<void> {
  const { parseJson, stringifyJson } = await import('../base/json.ts');
  const { replaceState } = await import('../storage/local/states.ts');
  const { withProject } = await import('./project.ts');
  const { print, shown } = await import('./output.ts');
  const { safeJson } = await import('../sinks/format.ts');
  await withProject(config, async ({ storage }) => {
    const before = storage.change({ on: 'configurations', to: 'run' }, ({ catalogue, secrets }) =>
      replaceState(catalogue, secrets, key, text),
    );
    if (json) return print(safeJson(stringifyJson(resultOf(key, ['before', parseJson(before)]))));
    const row = key.row === undefined ? '' : `row ${shown(key.row)} of `;
    print(`replaced the state of ${row}configuration ${shown(key.id)} of ${shown(key.component)}`);
  });
}

function resultOf({ component, id, row }: StateKey, entry: readonly [string, Json]): JsonObject {
  return new Map<string, Json>([
    ['type', 'result'],
    ['component', component],
    ['config', id],
    ...(row === undefined ? [] : [['row', row] as const]),
    entry,
  ]);
}
