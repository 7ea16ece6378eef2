import type { Command } from 'commander';
import type { Session } from './session.ts';

const setHelp = `
THING is a bucket (in.c-shop), a table (in.c-shop.orders) or a column (in.c-shop.orders.id). An entry with the same key and provider is
replaced. Components find the metadata of tables and columns in the manifests of their input. KBC.description is what others show.

Example:
  componentd storage metadata set in.c-shop.orders.id KBC.description "Number of the order"`;

/** `storage metadata`: what is known of buckets, tables and columns. */
export function metadataCommand(storage: Command, session: () => Session): void {
  const metadata = storage.command('metadata').description('what is known of buckets, tables and columns');
  metadata
    .command('ls <thing>')
    .description('list the entries of a bucket, table or column')
    .addHelpText('after', '\nExample:\n  componentd storage metadata ls in.c-shop.orders')
    .action((thing: string) => list(thing, session()));
  metadata
    .command('set <thing> <key> <value>')
    .description('set an entry')
    .option('--provider <name>', 'whose entry it is', 'user')
    .addHelpText('after', setHelp)
    .action((thing: string, key: string, value: string, { provider }: { readonly provider: string }) =>
      set(thing, { key, value, provider }, session()),
    );
  metadata
    .command('rm <thing> <key>')
    .description('remove an entry')
    .option('--provider <name>', 'of this provider only; of all by default')
    .addHelpText('after', '\nExample:\n  componentd storage metadata rm in.c-shop.orders colour --provider user')
    .action((thing: string, key: string, { provider }: { readonly provider?: string }) =>
      remove(thing, { key, provider }, session()),
    );
}

async function list(thing: string, { config, json }: Session): Promise<void> {
  const { listMetadata, subjectOf } = await import('../storage/local/manage-metadata.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, printTable } = await import('./output.ts');
  const subject = subjectOf(thing);
  await withProject(config, async ({ storage }) => {
    const metadata = listMetadata(storage.partsFor(), subject);
    if (json) return printJson({ type: 'result', of: thing, metadata });
    if (metadata.length === 0) return print('No metadata. Set some with `componentd storage metadata set`.');
    printTable(
      ['KEY', 'VALUE', 'PROVIDER', 'SET'],
      metadata.map(({ key, value, provider, timestamp }) => [key, value, provider, timestamp]),
    );
  });
}

async function set(
  thing: string,
  entry: { readonly key: string; readonly value: string; readonly provider: string },
  { config, json }: Session,
): Promise<void> {
  const { putMetadata, subjectOf } = await import('../storage/local/manage-metadata.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const subject = subjectOf(thing);
  await withProject(config, async ({ storage }) => {
    putMetadata(storage.partsFor(), subject, entry);
    if (json) printJson({ type: 'result', of: thing, ...entry });
    else print(`set ${shown(entry.key)} of ${shown(thing)}`);
  });
}

async function remove(
  thing: string,
  entry: { readonly key: string; readonly provider: string | undefined },
  { config, json }: Session,
): Promise<void> {
  const { removeMetadata, subjectOf } = await import('../storage/local/manage-metadata.ts');
  const { withProject } = await import('./project.ts');
  const { print, printJson, shown } = await import('./output.ts');
  const subject = subjectOf(thing);
  await withProject(config, async ({ storage }) => {
    const removed = removeMetadata(storage.partsFor(), subject, entry);
    if (json) printJson({ type: 'result', of: thing, ...entry, removed });
    else print(`removed ${shown(entry.key)} of ${shown(thing)}`);
  });
}
