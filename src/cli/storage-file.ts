import type { Command } from 'commander';
import type { ListOptions } from './file-actions.ts';
import type { Session } from './session.ts';
import { repeated } from './storage-flags.ts';
import type { ImportOptions } from './transfer.ts';

const putHelp = `
PATH is any file, or - for standard input; then --name says what it is called.

Examples:
  componentd storage file put photo.jpg --tag photos --tag raw
  tar -c docs | componentd storage file put - --name docs.tar --permanent`;

const lsHelp = `
Newest first. All conditions must hold.

Examples:
  componentd storage file ls --tag photos --exclude-tag done
  componentd storage file ls --since "-2 days" --limit 20 --json`;

/** `storage file`: the file storage. */
export function fileCommand(storage: Command, session: () => Session): void {
  const file = storage.command('file').description('files with tags');
  const actions = () => import('./file-actions.ts');
  file
    .command('put <path>')
    .description('add a file')
    .option('--name <name>', "what it is called; the file's own name by default")
    .option('--tag <tag>', 'may be given several times', repeated, [])
    .option('--permanent', 'keep it for good; otherwise 15 days')
    .addHelpText('after', putHelp)
    .action(async (path: string, options: ImportOptions) => {
      await (await import('./transfer.ts')).importFileFrom(path, options, session());
    });
  file
    .command('get <id>')
    .description('write a file; to standard output unless -o is given')
    .option('-o, --output <path>', 'a file that does not exist yet')
    .addHelpText('after', '\nExample:\n  componentd storage file get 17 -o photo.jpg')
    .action(async (id: string, options: { readonly output?: string }) => {
      await (await import('./transfer.ts')).exportTo(undefined, { ...options, file: id }, session());
    });
  file
    .command('ls')
    .description('list the files')
    .option('--tag <tag>', 'with this tag; may be given several times', repeated, [])
    .option('--exclude-tag <tag>', 'without this tag; may be given several times', repeated, [])
    .option('--since <moment>', 'added since then: a date, a time, or "-2 days"')
    .option('--limit <count>', 'at most so many', '100')
    .addHelpText('after', lsHelp)
    .action(async (options: ListOptions) => (await actions()).list(options, session()));
  file
    .command('tag <id> <tags...>')
    .description('add tags to a file, or take them off')
    .option('--remove', 'take them off')
    .addHelpText(
      'after',
      '\nExamples:\n  componentd storage file tag 17 done\n  componentd storage file tag 17 raw --remove',
    )
    .action(async (id: string, tags: readonly string[], options: { readonly remove?: boolean }) =>
      (await actions()).tag(id, { tags, isRemoval: options.remove === true }, session()),
    );
  file
    .command('rm <id>')
    .description('remove a file')
    .option('--force', 'needed: its content is lost')
    .addHelpText('after', '\nExample:\n  componentd storage file rm 17 --force')
    .action(async (id: string, options: { readonly force?: boolean }) =>
      (await actions()).remove(id, options.force === true, session()),
    );
}
