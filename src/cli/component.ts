import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { classify, UserError } from '../base/errors.ts';
import type { Session, Verb } from './session.ts';

const addHelp = `
FILE holds the definition as JSON: its id, and in "data" the image and how to run it. Values under "#" keys are encrypted.

Example:
  echo '{"id":"acme.ex-weather","data":{"definition":{"type":"dockerhub","uri":"acme/ex-weather","tag":"1.2.0"},"network":"none"}}' |
    componentd component add -`;

/** `component`: definitions of components and processors. */
export const componentCommand: Verb = (program, session) => {
  const component = program.command('component').description('add and list component definitions');
  component
    .command('add <file>')
    .description('add a definition, or replace the one with its id; - for standard input')
    .addHelpText('after', addHelp)
    .action((file: string) => add(file, session()));
  component
    .command('ls')
    .description('list the definitions')
    .addHelpText('after', '\nExample:\n  componentd component ls')
    .action(() => list(session()));
};

/** A file's text, or standard input's for `-`. @throws UserError naming a file that cannot be read */
export async function readInput(file: string): Promise<{ readonly content: string; readonly source: string }> {
  if (file === '-') return { content: await text(process.stdin), source: 'standard input' };
  try {
    return { content: await readFile(file, 'utf8'), source: file };
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function add(file: string, { config, json }: Session): Promise<void> {
  const { parseDefinition } = await import('../job/definition.ts');
  const { addComponent } = await import('../storage/local/components.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const { content, source } = await readInput(file);
  const id = readId(() => parseDefinition(content, `component definition ${source}`).id);
  await withProject(config, async ({ storage }) => {
    storage.change({ on: 'components', to: 'write' }, ({ catalogue, secrets }) =>
      addComponent(catalogue, secrets, id, content),
    );
  });
  if (json) printJson({ type: 'result', component: id });
  else print(`added ${shown(id)}`);
}

/** Whoever adds a definition can mend it: here its mistakes are the user's. */
function readId(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const { message, problems, reason } = classify(error);
    if (reason !== 'definition') throw error;
    throw new UserError(message, { cause: error, problems });
  }
}

async function list({ config, json }: Session): Promise<void> {
  const { imageReference, parseDefinition } = await import('../job/definition.ts');
  const { listComponents } = await import('../storage/local/components.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, printTable } = await import('./output.ts');
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor({ on: 'components', to: 'read' });
    const found = listComponents(catalogue).map(({ id, definition }) => {
      const parsed = parseDefinition(definition, `definition of ${id}`);
      return { id, type: parsed.type ?? '', image: imageReference(parsed) };
    });
    if (json) return printJson({ type: 'result', components: found });
    if (found.length === 0) return print('No components. Add one with `componentd component add`.');
    printTable(
      ['ID', 'TYPE', 'IMAGE'],
      found.map(({ id, type, image }) => [id, type, image]),
    );
  });
}
