import type { Command } from 'commander';
import type { Session } from './session.ts';

const createHelp = `
Buckets are in.c-NAME for what comes in and out.c-NAME for what is made. Loads make those that are missing.

Example:
  componentd storage bucket create in.c-shop --description "Orders and customers"`;

const rmHelp = `
A bucket with tables is removed only with --force, and its tables with it.

Example:
  componentd storage bucket rm in.c-shop`;

/** `storage bucket`: what tables lie in. */
export function bucketCommand(storage: Command, session: () => Session): void {
  const bucket = storage.command('bucket').description('what tables lie in');
  const actions = () => import('./bucket-actions.ts');
  bucket
    .command('create <bucket>')
    .description('make an empty bucket')
    .option('--description <text>', 'what it is for')
    .addHelpText('after', createHelp)
    .action(async (id: string, options: { readonly description?: string }) =>
      (await actions()).create(id, options.description, session()),
    );
  bucket
    .command('ls')
    .description('list the buckets')
    .addHelpText('after', '\nExample:\n  componentd storage bucket ls')
    .action(async () => (await actions()).list(session()));
  bucket
    .command('show <bucket>')
    .description('print a bucket with its tables and metadata')
    .addHelpText('after', '\nExample:\n  componentd storage bucket show in.c-shop')
    .action(async (id: string) => (await actions()).show(id, session()));
  bucket
    .command('rm <bucket>')
    .description('remove a bucket')
    .option('--force', 'with its tables')
    .addHelpText('after', rmHelp)
    .action(async (id: string, options: { readonly force?: boolean }) =>
      (await actions()).remove(id, options.force === true, session()),
    );
}
