import { type ColumnType, typeOf } from '../base/column-types.ts';
import { fromPlain, type Json } from '../base/json.ts';
import type { FileInfo, StoredMetadata, TableInfo } from './storage.ts';

/** The manifest beside a table in in/tables (contract 4.2). `columns` are the exported ones in their order; empty means all. */
export function tableManifest(table: TableInfo, columns: readonly string[]): Json {
  const selected = columns.length > 0 ? columns : table.columns;
  return fromPlain({
    id: table.id,
    uri: table.uri,
    name: table.name,
    description: table.description || undefined,
    primary_key: table.primaryKey,
    distribution_key: table.distributionKey,
    created: table.created,
    last_change_date: table.lastChangeDate,
    last_import_date: table.lastImportDate,
    columns: selected,
    metadata: table.metadata.map(metadataEntry),
    column_metadata: new Map(
      selected
        .filter((column) => Object.hasOwn(table.columnMetadata, column))
        .map((column) => [column, (table.columnMetadata[column] ?? []).map(metadataEntry)]),
    ),
    schema: table.types && selected.map((column) => schemaColumn(table, column)),
  });
}

/** Every column of a typed table is told, those without a type of their own as texts (contract 4.2). */
function schemaColumn(table: TableInfo, column: string): unknown {
  const { base, length, default: preset, nullable, native } = typeOf(table.types, column) ?? text;
  const description = Object.hasOwn(table.columnMetadata, column)
    ? table.columnMetadata[column]?.findLast(({ key }) => key === 'KBC.description')?.value
    : undefined;
  return {
    name: column,
    data_type: { base: { type: base, length, default: preset }, ...native },
    nullable,
    primary_key: table.primaryKey.includes(column),
    description: description || undefined,
  };
}

const text: ColumnType = { base: 'STRING', nullable: true };

/** The manifest beside a file in in/files (contract 4.4). */
export function fileManifest(file: FileInfo): Json {
  return fromPlain({
    id: file.id,
    name: file.name,
    created: file.created,
    is_public: file.isPublic,
    is_encrypted: file.isEncrypted,
    is_sliced: false,
    tags: file.tags,
    max_age_days: file.maxAgeDays,
    size_bytes: file.sizeBytes,
  });
}

function metadataEntry({ id, key, value, provider, timestamp }: StoredMetadata): StoredMetadata {
  return { id, key, value, provider, timestamp };
}
