import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Session, Verb } from './session.ts';
import { bucketCommand } from './storage-bucket.ts';
import { fileCommand } from './storage-file.ts';
import { exportFlags, importFlags, repeated } from './storage-flags.ts';
import { metadataCommand } from './storage-metadata.ts';
import { tableCommand } from './storage-table.ts';
import { tokenCommand } from './token.ts';
import type { ExportOptions, ImportOptions } from './transfer.ts';

const importHelp = `
FILE is CSV (RFC 4180, UTF-8, header first), or - for standard input. With --file, any file is added to the file storage instead.

Examples:
  componentd storage import in.c-shop.orders orders.csv --primary-key id
  componentd storage import --file photo.jpg --tag photos`;

const exportHelp = `
Examples:
  componentd storage export out.c-shop.totals -o totals.csv
  componentd storage export out.c-shop.totals | head
  componentd storage export --file 17 -o photo.jpg`;

/** `storage`: buckets, tables, files and tokens of the embedded Storage. */
export const storageCommand: Verb = (program, session) => {
  const storage = program.command('storage').description('buckets, tables, files, metadata and tokens');
  shortcuts(storage, session);
  bucketCommand(storage, session);
  tableCommand(storage, session);
  fileCommand(storage, session);
  metadataCommand(storage, session);
  tokenCommand(storage, session);
};

/** What one does all day, without naming the kind of thing. */
function shortcuts(storage: Command, session: () => Session): void {
  importFlags(storage.command('import [table] [source]').description('load a CSV file into a table, or add a file'))
    .option('--file <path>', 'add this file to the file storage; - for standard input')
    .option('--name <name>', 'name of the file')
    .option('--tag <tag>', 'tag of the file; may be given several times', repeated, [])
    .option('--permanent', 'keep the file for good; otherwise 15 days')
    .addHelpText('after', importHelp)
    .action(async (table: string | undefined, source: string | undefined, options: ImportOptions) => {
      const transfer = await import('./transfer.ts');
      if (options.file !== undefined) return await transfer.importFileFrom(options.file, options, session());
      if (table === undefined || source === undefined) {
        throw new UsageError('name a table and a CSV file, or a file with --file', {
          hint: 'See `componentd storage import --help`.',
        });
      }
      await transfer.importTableFrom({ table, source }, options, session());
    });

  exportFlags(
    storage
      .command('export [table]')
      .description('write a table as CSV, or a file; to standard output unless -o is given'),
  )
    .option('--file <id>', 'a file of the file storage instead of a table')
    .addHelpText('after', exportHelp)
    .action(async (table: string | undefined, options: ExportOptions) => {
      await (await import('./transfer.ts')).exportTo(table, options, session());
    });

  storage
    .command('ls')
    .description('list buckets, tables and files')
    .addHelpText('after', '\nExample:\n  componentd storage ls')
    .action(async () => (await import('./storage-view.ts')).listAll(session()));

  storage
    .command('show <table>')
    .description("print a table's columns, key, metadata and first rows")
    .option('--rows <count>', 'rows to show', '10')
    .addHelpText('after', '\nExample:\n  componentd storage show out.c-shop.totals --rows 3')
    .action(async (table: string, { rows }: { readonly rows: string }) => {
      await (await import('./storage-view.ts')).showTable(table, rows, session());
    });
}
