import { UserError } from '../../base/errors.ts';
import type { MetadataEntry, Need, StoredMetadata } from '../../job/storage.ts';
import { existingTable } from './existing-table.ts';
import { columnMetadataOf, metadataOf, type Subject, setMetadata } from './metadata.ts';
import type { ProjectParts } from './parts.ts';

const longestKey = 255;
const longestValue = 1 << 20;

/** What a text names: `in.c-shop`, `in.c-shop.orders` or `in.c-shop.orders.id`. @throws UserError when it is none of these */
export function subjectOf(text: string): Subject {
  const parts = text.split('.');
  const [stage, bucket, table, column] = parts;
  if (parts.length === 2) return { kind: 'bucket', id: text };
  if (parts.length === 3) return { kind: 'table', id: text };
  if (parts.length === 4 && column !== undefined) return { kind: 'column', id: `${stage}.${bucket}.${table}`, column };
  throw new UserError(`${JSON.stringify(text)} names no bucket, table or column`, {
    hint: 'Name them like in.c-shop, in.c-shop.orders, in.c-shop.orders.id.',
  });
}

/** The entries of a bucket, table or column, in the order they were first set. @throws UserError when there is no such thing */
export function listMetadata({ catalogue, guard }: ProjectParts, subject: Subject): readonly StoredMetadata[] {
  guard.require(need(subject, 'read'));
  return catalogue.read(() => {
    assertThere({ catalogue, guard }, subject);
    if (subject.kind !== 'column') return metadataOf(catalogue, subject.kind, subject.id);
    const all = columnMetadataOf(catalogue, subject.id);
    return Object.hasOwn(all, subject.column) ? (all[subject.column] ?? []) : [];
  });
}

/** Sets one entry; an earlier one of the same key and provider keeps its id. @throws UserError */
export function putMetadata(
  { catalogue, guard }: ProjectParts,
  subject: Subject,
  { provider, ...entry }: MetadataEntry & { readonly provider: string },
): void {
  for (const [what, text, most] of [
    ['key', entry.key, longestKey],
    ['provider', provider, longestKey],
    ['value', entry.value, longestValue],
  ] as const) {
    if ((text === '' && what !== 'value') || text.length > most || text.includes('\0'))
      throw new UserError(`the ${what} of the metadata must have 1 to ${most} characters and no NUL`);
  }
  catalogue.write(() => {
    guard.require(need(subject, 'write'));
    assertThere({ catalogue, guard }, subject);
    setMetadata(catalogue, subject, { provider, entries: [entry], now: Date.now() });
  });
}

/** Removes the entries with this key, of one provider or of all; answers how many. @throws UserError when there is none */
export function removeMetadata(
  { catalogue, guard }: ProjectParts,
  subject: Subject,
  { key, provider }: { readonly key: string; readonly provider?: string | undefined },
): number {
  return catalogue.write(() => {
    guard.require(need(subject, 'write'));
    assertThere({ catalogue, guard }, subject);
    const column = subject.kind === 'column' ? subject.column : '';
    const { changes } = catalogue.run(
      'DELETE FROM metadata WHERE kind = ? AND object = ? AND columnName = ? AND key = ? AND (? IS NULL OR provider = ?)',
      ...[subject.kind, subject.id, column, key, provider ?? null, provider ?? null],
    );
    if (changes > 0) return changes;
    throw new UserError(`there is no metadata "${key}" there`, { hint: 'See `componentd storage metadata ls`.' });
  });
}

function need({ kind, id }: Subject, to: 'read' | 'write'): Need {
  return { on: 'bucket', bucket: kind === 'bucket' ? id : id.slice(0, id.lastIndexOf('.')), to };
}

function assertThere(parts: Pick<ProjectParts, 'catalogue' | 'guard'>, subject: Subject): void {
  const hint = { hint: 'See `componentd storage ls`.' };
  if (subject.kind === 'bucket') {
    if (parts.catalogue.one('SELECT 1 FROM buckets WHERE id = ?', subject.id) !== undefined) return;
    throw new UserError(`there is no bucket ${subject.id}`, hint);
  }
  const table = existingTable(parts, subject.id);
  if (subject.kind === 'table' || table.columns.includes(subject.column)) return;
  throw new UserError(`table ${subject.id} has no column ${subject.column}`, {
    hint: `Its columns are ${table.columns.join(', ')}.`,
  });
}
