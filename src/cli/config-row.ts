import type { Command } from 'commander';
import type { RowOptions, RowPlace } from './config-row-actions.ts';
import type { Session } from './session.ts';

const idHelp = '<component> <config> <row>';

const addHelp = `
FILE holds the row's configuration; a job merges it into the configuration's own. Rows run in their order.

Examples:
  echo '{"parameters":{"city":"Praha"}}' | componentd config row add acme.ex-weather 12 praha -
  componentd config row add acme.ex-weather 12 wien row.json --before praha --name Wien`;

const moveHelp = `
Examples:
  componentd config row move acme.ex-weather 12 praha --to 1
  componentd config row move acme.ex-weather 12 praha --after wien`;

/** `config row`: the rows of a configuration, in their order. */
export function rowCommand(config: Command, session: () => Session): void {
  const row = config.command('row').description('rows of a configuration, in their order');
  const verb = (words: string, description: string, help: string): Command =>
    row
      .command(words)
      .description(description)
      .addHelpText('after', help.includes('Example') ? help : `\nExample:\n  componentd config row ${help}`);
  const actions = () => import('./config-row-actions.ts');
  const labelled = (command: Command): Command =>
    command
      .option('--name <name>', 'what people call it')
      .option('--description <text>', 'what it is for')
      .option('--message <text>', 'why, for the list of versions');
  const placed = (command: Command): Command =>
    command
      .option('--to <position>', 'position among the rows, from 1')
      .option('--before <row>', 'right before this row')
      .option('--after <row>', 'right behind this row');

  placed(labelled(verb(`add ${idHelp} <file>`, 'add a row; - for standard input', addHelp)))
    .option('--disabled', 'do not run it until it is enabled')
    .action(async (component: string, id: string, name: string, file: string, options: RowOptions & RowPlace) =>
      (await actions()).add({ component, id, row: name }, { ...options, file }, session()),
    );
  labelled(
    verb(
      `set ${idHelp} [file]`,
      "replace a row's configuration or name; - for standard input",
      'set acme.ex-weather 12 praha row.json',
    ),
  ).action(async (component: string, id: string, name: string, file: string | undefined, options: RowOptions) =>
    (await actions()).set({ component, id, row: name }, { ...options, file }, session()),
  );
  verb(`show ${idHelp}`, 'print a row with its state; secrets stay encrypted', 'show acme.ex-weather 12 praha').action(
    async (component: string, id: string, name: string) =>
      (await actions()).show({ component, id, row: name }, session()),
  );
  verb('ls <component> <config>', 'list the rows in their order', 'ls acme.ex-weather 12').action(
    async (component: string, id: string) => (await actions()).list({ component, id }, session()),
  );
  verb(`rm ${idHelp}`, 'remove a row and its state; a rollback brings the row back', 'rm acme.ex-weather 12 praha')
    .option('--message <text>', 'why, for the list of versions')
    .action(async (component: string, id: string, name: string, options: RowOptions) =>
      (await actions()).remove({ component, id, row: name }, options, session()),
    );
  placed(verb(`move ${idHelp}`, 'give a row another place in the order', moveHelp))
    .option('--message <text>', 'why, for the list of versions')
    .action(async (component: string, id: string, name: string, options: RowOptions & RowPlace) =>
      (await actions()).move({ component, id, row: name }, options, session()),
    );
  for (const [name, isDisabled] of [['enable', false] as const, ['disable', true] as const]) {
    const what = isDisabled
      ? 'leave a row out of jobs that do not ask for it by `run --row`'
      : 'let jobs run a row again';
    verb(`${name} ${idHelp}`, what, `${name} acme.ex-weather 12 praha`)
      .option('--message <text>', 'why, for the list of versions')
      .action(async (component: string, id: string, rowId: string, options: RowOptions) =>
        (await actions()).setDisabled({ component, id, row: rowId }, { ...options, isDisabled }, session()),
      );
  }
}
