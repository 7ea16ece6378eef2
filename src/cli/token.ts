import type { Command } from 'commander';
import { Option } from 'commander';
import type { Session } from './session.ts';
import type { CreateOptions } from './token-actions.ts';

const help = `
Everything in a project is done with the rights of a token: the project's own, whose secret lies in
its folder, unless --token-file FILE or COMPONENTD_TOKEN name another one.

Examples:
  componentd storage token create --description "Ann" --read '*' --output ann.token
  componentd --token-file ann.token storage ls
  componentd storage token rm 2`;

const createHelp = `
PATTERN is a bucket (in.c-shop), a beginning of buckets (in.c-sales-*), a stage (in.*) or * for all.
Of several that fit, the one that says most counts, so --read 'in.*' --deny in.c-secret is all of the
stage but one. --write holds --read.
A job needs its component (read), its configuration (run: read it, and save its state), its input
buckets (read) and its output buckets (write).
The secret is shown once. A token never may more, nor lasts longer, than the one it was made with.

Examples:
  componentd storage token create --description "nightly" --read 'in.*' --write out.c-report --configurations run
  componentd storage token create --description "Ann" --read '*' --expires "30 days" --output ann.token
  componentd --token-file ann.token storage ls`;

const refreshHelp = `
Every process that uses the old secret is refused from now on. Without ID, the token in use gets a new secret.
The project's own goes into its folder.

Examples:
  componentd storage token refresh 7
  componentd storage token refresh 7 --output ann.token`;

const removeHelp = `
What came from the token goes with it, tokens of its running jobs among them: their loads fail.

Example:
  componentd storage token rm 7`;

/** `storage token`: who may do what in the project. */
export function tokenCommand(storage: Command, session: () => Session): void {
  const token = storage.command('token').description('make, list, renew and revoke tokens').addHelpText('after', help);
  const actions = (): Promise<typeof import('./token-actions.ts')> => import('./token-actions.ts');

  token
    .command('create')
    .description('make a token, and show its secret once')
    .requiredOption('--description <text>', 'who uses it, and what for')
    .option('--read <pattern>', 'buckets it may read; may be given several times', collect)
    .option('--write <pattern>', 'buckets it may read and write; may be given several times', collect)
    .option('--deny <pattern>', 'buckets it may not even read; may be given several times', collect)
    .addOption(
      new Option('--components <right>', 'component definitions').choices(['none', 'read', 'write']).default('read'),
    )
    .addOption(
      new Option('--configurations <right>', 'configurations')
        .choices(['none', 'read', 'run', 'write'])
        .default('none'),
    )
    .addOption(new Option('--files <whose>', 'files that it sees').choices(['own', 'all']).default('own'))
    .option('--manage-tokens', 'may make tokens itself')
    .option('--expires <when>', 'a date, or from now: "12 hours", "30 days"; never by default')
    .option('-o, --output <path>', 'a file that does not exist yet gets the secret, instead of the terminal')
    .addHelpText('after', createHelp)
    .action(async (options: CreateOptions) => (await actions()).create(options, session()));

  token
    .command('ls')
    .description('list the tokens that you may see')
    .addHelpText('after', '\nExample:\n  componentd storage token ls')
    .action(async () => (await actions()).list(session()));

  token
    .command('show [id]')
    .description('what a token may; the one in use without ID')
    .addHelpText('after', '\nExample:\n  componentd storage token show 7')
    .action(async (id: string | undefined) => (await actions()).show(id, session()));

  token
    .command('refresh [id]')
    .description('give a token a new secret, and show it once')
    .option('-o, --output <path>', 'a file that does not exist yet gets the secret, instead of the terminal')
    .addHelpText('after', refreshHelp)
    .action(async (id: string | undefined, { output }: { readonly output?: string }) =>
      (await actions()).refresh(id, output, session()),
    );

  token
    .command('rm <id>')
    .description('revoke a token, and those that came from it')
    .addHelpText('after', removeHelp)
    .action(async (id: string) => (await actions()).remove(id, session()));
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
