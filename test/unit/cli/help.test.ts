import { Command } from 'commander';
import { expect, test } from 'vitest';
import { configCommand } from '../../../src/cli/config.ts';
import { storageCommand } from '../../../src/cli/storage.ts';

const session = (): never => {
  throw new Error('help needs no session');
};

/** Every command below, with its whole name. */
function leaves(command: Command, name: string): readonly { readonly name: string; readonly command: Command }[] {
  const own = `${name} ${command.name()}`;
  return command.commands.length === 0
    ? [{ name: own, command }]
    : command.commands.flatMap((child) => leaves(child, own));
}

test('every verb of storage and config says what it does, with an example that calls it', () => {
  const program = new Command('componentd');
  storageCommand(program, session);
  configCommand(program, session);
  const verbs = program.commands.flatMap((command) => leaves(command, 'componentd'));
  expect(verbs.length).toBeGreaterThan(45);
  for (const { name, command } of verbs) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(command.description(), name).toMatch(/^[a-z].{5,}[^.]$/s);
    expect(help.split(/\nExamples?:\n/)[1], name).toContain(name);
  }
});
