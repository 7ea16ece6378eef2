import type { Command } from 'commander';
import type { CopyOptions, Message, SetOptions } from './config-actions.ts';
import { rowCommand } from './config-row.ts';
import { stateCommand } from './config-state.ts';
import type { Verb } from './session.ts';

const setHelp = `
FILE holds the configuration itself ({"parameters": …, "storage": …}), or an envelope with rows:
{"name": …, "description": …, "isDisabled": false, "configuration": {…}, "rows": [{"id": "r1", "configuration": {…}}]}.
Values under "#" keys are encrypted. States are kept. Every change makes a version.

Examples:
  echo '{"parameters":{"city":"Brno","#token":"secret"}}' | componentd config set acme.ex-weather 12 -
  componentd config set acme.ex-weather 12 config.json --name "Weather of Brno" --message "other city"`;

const diffHelp = `
Compares two versions, by default the last one with the one before; the second is the current one unless it is named.
Secrets are compared by what they hold, and never shown.

Examples:
  componentd config diff acme.ex-weather 12
  componentd config diff acme.ex-weather 12 3
  componentd config diff acme.ex-weather 12 3 5 --json`;

const rmHelp = `
Puts the configuration into the trash, where jobs do not find it: \`config restore\` brings it back as it was.
With --force it is removed for good with its rows, states and versions, from the trash, too.

Example:
  componentd config rm acme.ex-weather 12`;

const idHelp = '<component> <id>';

/** `config`: configurations of components, with rows, versions and states. */
export const configCommand: Verb = (program, session) => {
  const config = program.command('config').description('configurations: their rows, versions and states');
  const verb = (words: string, description: string, help: string): Command =>
    config
      .command(words)
      .description(description)
      .addHelpText('after', help.includes('Example') ? help : `\nExample:\n  componentd config ${help}`);
  const actions = () => import('./config-actions.ts');

  verb(`set ${idHelp} <file>`, 'store a configuration as its next version; - for standard input', setHelp)
    .option('--name <name>', 'what people call it')
    .option('--description <text>', 'what it is for')
    .option('--message <text>', 'why, for the list of versions')
    .action(async (component: string, id: string, file: string, options: SetOptions) =>
      (await actions()).set({ component, id }, { ...options, file }, session()),
    );
  verb(
    `show ${idHelp}`,
    'print a configuration with its rows and states; secrets stay encrypted',
    'show acme.ex-weather 12',
  )
    .option('--version <number>', 'as it was then, without states')
    .action(async (component: string, id: string, options: { readonly version?: string }) =>
      (await actions()).show({ component, id }, options.version, session()),
    );
  verb('ls [component]', 'list the configurations', 'ls acme.ex-weather')
    .option('--deleted', 'those in the trash')
    .action(async (component: string | undefined, options: { readonly deleted?: boolean }) =>
      (await actions()).list(component, options.deleted === true, session()),
    );
  verb(`versions ${idHelp}`, 'list the versions, newest first', 'versions acme.ex-weather 12').action(
    async (component: string, id: string) => (await actions()).versions({ component, id }, session()),
  );
  verb(`diff ${idHelp} [from] [to]`, 'show what changed between two versions', diffHelp).action(
    async (component: string, id: string, from: string | undefined, to: string | undefined) =>
      (await import('./config-diff.ts')).diff({ component, id }, { from, to }, session()),
  );
  verb(
    `rollback ${idHelp} <version>`,
    'store what a version holds as the next one; states stay',
    'rollback acme.ex-weather 12 3',
  )
    .option('--message <text>', 'why, for the list of versions')
    .action(async (component: string, id: string, version: string, { message }: Message) =>
      (await actions()).rollback({ component, id }, { version, message }, session()),
    );
  verb(
    `copy ${idHelp} <new-id>`,
    'copy a configuration with its rows, without states',
    'copy acme.ex-weather 12 13 --name "Of Praha"',
  )
    .option('--name <name>', 'what people call the copy')
    .option('--version <number>', 'copy an older version')
    .action(async (component: string, id: string, to: string, options: CopyOptions) =>
      (await actions()).copy({ component, id }, { ...options, to }, session()),
    );
  for (const [name, isDisabled] of [['enable', false] as const, ['disable', true] as const]) {
    const what = isDisabled ? 'let no job run it, except by force' : 'let jobs run it again';
    verb(`${name} ${idHelp}`, what, `${name} acme.ex-weather 12`)
      .option('--message <text>', 'why, for the list of versions')
      .action(async (component: string, id: string, { message }: Message) =>
        (await actions()).setDisabled({ component, id }, { isDisabled, message }, session()),
      );
  }
  verb(`rm ${idHelp}`, 'put a configuration into the trash', rmHelp)
    .option('--force', 'remove it for good')
    .action(async (component: string, id: string, options: { readonly force?: boolean }) =>
      (await actions()).remove({ component, id }, options.force === true, session()),
    );
  verb(`restore ${idHelp}`, 'take a configuration out of the trash', 'restore acme.ex-weather 12').action(
    async (component: string, id: string) => (await actions()).restore({ component, id }, session()),
  );
  rowCommand(config, session);
  stateCommand(config, session);
};
