import { UsageError } from '../base/errors.ts';
import type { Verb } from './session.ts';

const help = `
SHELL is bash, zsh or fish. Completes verbs, flags, and the ids of components, configurations, rows, tables, buckets and jobs.

Examples:
  source <(componentd completion bash)                                  # in ~/.bashrc
  componentd completion zsh > "\${fpath[1]}/_componentd"                 # once, then a new shell
  componentd completion fish > ~/.config/fish/completions/componentd.fish`;

/** `completion`: the script that makes a shell complete our command lines; and the hidden verb that it asks. */
export const completionCommand: Verb = (program) => {
  program
    .command('completion <shell>')
    .description('print the completion script for bash, zsh or fish')
    .addHelpText('after', help)
    .action(async (shell: string) => {
      const { scripts } = await import('./completion-scripts.ts');
      if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish') {
        throw new UsageError(`there is no completion for "${shell}"`, { hint: 'There is one for bash, zsh and fish.' });
      }
      const { print } = await import('./output.ts');
      print(scripts[shell]);
    });
};

/** The verb that the scripts call. */
export const completing = '__complete';

/** What completes a command line: asked by the scripts, which give the words after our name up to the cursor. */
export const completeCommand: Verb = (program, session) => {
  program
    .command(`${completing} [words...]`, { hidden: true })
    .description('answer the candidates for the last word, one on a line')
    .addHelpText('after', '\nExample:\n  componentd __complete -- storage exp')
    .action(async (words: readonly string[]) => {
      const { candidatesFor } = await import('./complete.ts');
      const { print } = await import('./output.ts');
      program.parseOptions([...words.slice(0, -1)]);
      for (const line of await candidatesFor(program, words, session().config)) print(line);
    });
};
