import type { Command } from 'commander';
import type { Session } from './session.ts';
import { exportFlags, importFlags, repeated } from './storage-flags.ts';
import type { CreateOptions } from './table-actions.ts';
import type { ExportOptions, ImportOptions } from './transfer.ts';

const createHelp = `
A column is NAME, or NAME:TYPE with one of STRING, INTEGER, NUMERIC, FLOAT, BOOLEAN, DATE, TIMESTAMP; STRING(255) and NUMERIC(10,2) have
a length. One type makes the table typed: what does not fit is never loaded. Without types every value is text.

Examples:
  componentd storage table create in.c-shop.orders --column id:INTEGER --column "price:NUMERIC(10,2)" --column note --primary-key id
  componentd storage table create in.c-shop.notes --column text`;

const importHelp = `
FILE is CSV (RFC 4180, UTF-8, header first), or - for standard input.

Example:
  componentd storage table import in.c-shop.orders orders.csv --primary-key id --incremental`;

const exportHelp = `
Examples:
  componentd storage table export in.c-shop.orders --where status=open --columns id,price -o open.csv
  componentd storage table export in.c-shop.orders --changed-since "-1 day"`;

const keyHelp = `
Rows that are merged under the old key are merged first. Without COLUMNS the key is removed.

Examples:
  componentd storage table key in.c-shop.orders id,day
  componentd storage table key in.c-shop.orders`;

const renameHelp = `
ID may be in another bucket. Rows, key, types and metadata stay. Configurations that name the old id are told, and left as they are.

Example:
  componentd storage table rename in.c-shop.orders in.c-archive.orders-2025`;

interface Force {
  readonly force?: boolean;
}

/** `storage table`: tables. */
export function tableCommand(storage: Command, session: () => Session): void {
  const table = storage.command('table').description('make, load, read, change and remove tables');
  const actions = () => import('./table-actions.ts');
  const verb = (words: string, description: string, help: string): Command =>
    table
      .command(words)
      .description(description)
      .addHelpText('after', help.includes('Example') ? help : `\nExample:\n  componentd storage table ${help}`);

  verb('create <table>', 'make an empty table', createHelp)
    .option('--column <column>', 'name or name:type; give it for every column', repeated, [])
    .option('--not-null <columns>', 'comma-separated: those of them that take no empty value')
    .option('--primary-key <columns>', 'comma-separated')
    .option('--description <text>', 'what it holds')
    .action(async (id: string, options: CreateOptions) => (await actions()).create(id, options, session()));
  verb('ls [bucket]', 'list the tables', 'ls in.c-shop').action(async (bucket: string | undefined) =>
    (await actions()).list(bucket, session()),
  );
  verb('show <table>', "print a table's columns, key, metadata and first rows", 'show in.c-shop.orders --rows 3')
    .option('--rows <count>', 'rows to show', '10')
    .action(async (id: string, { rows }: { readonly rows: string }) => {
      await (await import('./storage-view.ts')).showTable(id, rows, session());
    });
  importFlags(verb('import <table> <file>', 'load a CSV file', importHelp)).action(
    async (id: string, source: string, options: ImportOptions) => {
      await (await import('./transfer.ts')).importTableFrom({ table: id, source }, options, session());
    },
  );
  exportFlags(verb('export <table>', 'write a table as CSV; to standard output unless -o is given', exportHelp)).action(
    async (id: string, options: ExportOptions) => {
      await (await import('./transfer.ts')).exportTo(id, options, session());
    },
  );
  verb('rename <table> <id>', 'give a table another id', renameHelp).action(async (id: string, to: string) =>
    (await actions()).rename(id, to, session()),
  );
  verb('key <table> [columns]', 'set or remove the primary key', keyHelp).action(
    async (id: string, columns: string | undefined) => (await actions()).setKey(id, columns, session()),
  );
  verb('add-column <table> <column>', 'add an empty column, NAME or NAME:TYPE', 'add-column in.c-shop.orders paid:DATE')
    .option('--not-null', 'it takes no empty value')
    .action(async (id: string, column: string, options: { readonly notNull?: boolean }) =>
      (await actions()).add(id, { column, isNullable: options.notNull !== true }, session()),
    );
  verb('drop-column <table> <column>', 'remove a column', 'drop-column in.c-shop.orders note --force')
    .option('--force', 'although its values are lost')
    .action(async (id: string, column: string, { force }: Force) =>
      (await actions()).drop({ id, column }, force === true, session()),
    );
  verb('truncate <table>', 'remove all rows', 'truncate in.c-shop.orders --force')
    .option('--force', 'although there are some')
    .action(async (id: string, { force }: Force) => (await actions()).truncate(id, force === true, session()));
  verb('rm <table>', 'remove a table', 'rm in.c-shop.orders --force')
    .option('--force', 'although it has rows')
    .action(async (id: string, { force }: Force) => (await actions()).remove(id, force === true, session()));
}
