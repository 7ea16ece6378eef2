import type { Verb } from './session.ts';

const help = `
Tells everything that is wrong at once, each with its path and a way out; the exit code is 1 then. Nothing is run or changed.

Examples:
  componentd validate config config.json --component acme.ex-weather
  componentd validate component component.json
  componentd validate manifest out/tables/cities.csv.manifest
  componentd validate data ./data`;

const configHelp = `
FILE is what \`componentd config set\` takes. With --component also what the component cannot do, unknown processors, and tables and
files that are not in Storage are told.

Example:
  componentd validate config config.json --component acme.ex-weather`;

const dataHelp = `
FOLDER is a data folder as a component sees it, with in or out in it, or one of the two, with tables or files in it. Manifests must fit
their schema and belong to data; names must be such that Storage takes them; tables must be CSV as their manifest says, to the last line.

Example:
  componentd validate data ./data --json`;

/** `validate`: documents and data, before anything runs. */
export const validateCommand: Verb = (program, session) => {
  const validate = program
    .command('validate')
    .description('tell what is wrong with a configuration, a definition, a manifest or a data folder')
    .addHelpText('after', help);
  validate
    .command('config <file>')
    .description('a configuration, with its rows; - for standard input')
    .option('--component <id>', 'against this component and what is in Storage')
    .addHelpText('after', configHelp)
    .action(async (file: string, { component }: { readonly component?: string }) => {
      await (await import('./validate-document.ts')).validateConfig(file, component, session());
    });
  validate
    .command('component <file>')
    .description('the definition of a component; - for standard input')
    .addHelpText('after', '\nExample:\n  componentd validate component component.json')
    .action(async (file: string) => (await import('./validate-document.ts')).validateComponent(file, session()));
  validate
    .command('manifest <file>')
    .description('a manifest that a component writes; - for standard input')
    .option('--kind <kind>', 'table or file, when the path does not tell')
    .addHelpText('after', '\nExample:\n  componentd validate manifest cities.csv.manifest --kind table')
    .action(async (file: string, { kind }: { readonly kind?: string }) => {
      await (await import('./validate-document.ts')).validateManifest(file, kind, session());
    });
  validate
    .command('data <folder>')
    .description('a data folder: names, manifests and CSV')
    .addHelpText('after', dataHelp)
    .action(async (folder: string) => (await import('./validate-data.ts')).validateData(folder, session()));
};
