import type { MetadataEntry, StoredMetadata } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import { isoTime } from './times.ts';

/** What metadata belongs to. */
export type Subject =
  | { readonly kind: 'bucket'; readonly id: string }
  | { readonly kind: 'table'; readonly id: string }
  | { readonly kind: 'column'; readonly id: string; readonly column: string };

/** Sets entries; one with the same key and provider is updated in place and keeps its id. Inside a transaction of the caller. */
export function setMetadata(
  catalogue: Catalogue,
  subject: Subject,
  {
    provider,
    entries,
    now,
  }: { readonly provider: string; readonly entries: readonly MetadataEntry[]; readonly now: number },
): void {
  for (const { key, value } of entries) {
    catalogue.run(
      `INSERT INTO metadata (kind, object, columnName, provider, key, value, timestamp) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp`,
      subject.kind,
      subject.id,
      subject.kind === 'column' ? subject.column : '',
      provider,
      key,
      value,
      now,
    );
  }
}

/** A bucket's or table's metadata, in the order it was first set. */
export function metadataOf(catalogue: Catalogue, kind: 'bucket' | 'table', id: string): readonly StoredMetadata[] {
  return catalogue.all('SELECT * FROM metadata WHERE kind = ? AND object = ? ORDER BY id', kind, id).map(stored);
}

/** The metadata of a table's columns, by column; columns without any are not there. */
export function columnMetadataOf(
  catalogue: Catalogue,
  table: string,
): Readonly<Record<string, readonly StoredMetadata[]>> {
  const rows = catalogue.all("SELECT * FROM metadata WHERE kind = 'column' AND object = ? ORDER BY id", table);
  const byColumn = Map.groupBy(rows, (row) => row.columnName as string);
  return Object.fromEntries(Array.from(byColumn, ([column, entries]) => [column, entries.map(stored)]));
}

function stored(row: Row): StoredMetadata {
  return {
    id: String(row.id),
    key: row.key as string,
    value: row.value as string,
    provider: row.provider as string,
    timestamp: isoTime(row.timestamp as number),
  };
}
