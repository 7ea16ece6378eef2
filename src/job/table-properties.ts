import type { OutputTable } from './configuration.ts';
import type { SchemaColumn } from './data-types.ts';
import type { OutTableManifest } from './output-manifest.ts';
import type { MetadataEntry } from './storage.ts';

/** What mapping and manifest say about one output table together (contract 4.6.4). Names are not sanitised yet. */
export interface TableProperties {
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  readonly distributionKey: readonly string[];
  readonly incremental: boolean;
  readonly writeAlways: boolean;
  readonly delimiter: string;
  readonly enclosure: string;
  readonly hasHeader: boolean;
  readonly description?: string;
  readonly metadata: readonly MetadataEntry[];
  readonly columnMetadata: ReadonlyMap<string, readonly MetadataEntry[]>;
  readonly schema: readonly SchemaColumn[];
  readonly complaints: readonly string[];
}

export function mergeTableProperties(mapping: OutputTable | undefined, manifest: OutTableManifest): TableProperties {
  const schema = mergeSchemas(manifest.schema ?? [], mapping?.schema ?? []);
  const columns = firstNonEmpty(mapping?.columns, manifest.columns);
  const mappedKey = blanksDropped(mapping?.primary_key);
  const names = schema.map(({ name }) => name);
  const complaints: string[] = [];
  if (schema.length > 0 && columns.length > 0) complaints.push('"columns" cannot be used together with "schema"');
  const unknownKeys = schema.length > 0 ? mappedKey.filter((key) => !names.includes(key)) : [];
  for (const key of unknownKeys) complaints.push(`the primary key column "${key}" of the mapping is not in the schema`);

  const description = mapping?.description || manifest.description;
  return {
    columns: schema.length > 0 ? names : columns,
    primaryKey:
      schema.length > 0
        ? names.filter((name) => mappedKey.includes(name) || isFlagged(schema, name, 'primary_key'))
        : primaryKey(mapping, manifest),
    distributionKey:
      schema.length > 0
        ? names.filter((name) => isFlagged(schema, name, 'distribution_key'))
        : blanksDropped(firstNonEmpty(mapping?.distribution_key, manifest.distribution_key)),
    incremental: mapping?.incremental || manifest.incremental || false,
    writeAlways: mapping?.write_always || manifest.write_always || false,
    delimiter: unlessDefault(mapping?.delimiter, ',') ?? manifest.delimiter ?? ',',
    enclosure: unlessDefault(mapping?.enclosure, '"') ?? manifest.enclosure ?? '"',
    hasHeader: mapping?.has_header || manifest.has_header || false,
    ...(description && { description }),
    metadata: mergeMetadata(
      [...(manifest.metadata ?? []), ...entries(manifest.table_metadata)],
      [...(mapping?.metadata ?? []), ...entries(mapping?.table_metadata)],
    ),
    columnMetadata: columnMetadata(mapping, manifest, schema),
    schema,
    complaints,
  };
}

/** A mapping item replaces the manifest's key even by saying nothing: its list is there and empty. */
function primaryKey(mapping: OutputTable | undefined, manifest: OutTableManifest): readonly string[] {
  return blanksDropped(mapping === undefined ? manifest.primary_key : mapping.primary_key);
}

function columnMetadata(
  mapping: OutputTable | undefined,
  manifest: OutTableManifest,
  schema: readonly SchemaColumn[],
): ReadonlyMap<string, readonly MetadataEntry[]> {
  const merged = new Map<string, readonly MetadataEntry[]>();
  for (const source of [manifest.column_metadata, mapping?.column_metadata]) {
    for (const [column, list] of Object.entries(source ?? {}))
      merged.set(column, mergeMetadata(merged.get(column) ?? [], list));
  }
  for (const { name, description, metadata } of schema) {
    const own = [...entries(metadata), ...(description ? [{ key: 'KBC.description', value: description }] : [])];
    if (own.length > 0) merged.set(name, mergeMetadata(merged.get(name) ?? [], own));
  }
  return merged;
}

function mergeSchemas(base: readonly SchemaColumn[], overlay: readonly SchemaColumn[]): readonly SchemaColumn[] {
  const merged = new Map(base.map((column) => [column.name, column]));
  for (const column of overlay) merged.set(column.name, { ...merged.get(column.name), ...column });
  return [...merged.values()];
}

/** Entries by key; the later ones win. */
export function mergeMetadata(
  base: readonly MetadataEntry[],
  overlay: readonly MetadataEntry[],
): readonly MetadataEntry[] {
  const merged = new Map([...base, ...overlay].map(({ key, value }) => [key, value]));
  return Array.from(merged, ([key, value]) => ({ key, value }));
}

function isFlagged(schema: readonly SchemaColumn[], name: string, flag: 'primary_key' | 'distribution_key'): boolean {
  return schema.some((column) => column.name === name && column[flag] === true);
}

function firstNonEmpty(...lists: readonly (readonly string[] | undefined)[]): readonly string[] {
  return lists.find((list) => list !== undefined && list.length > 0) ?? [];
}

function blanksDropped(list: readonly string[] | undefined): readonly string[] {
  return (list ?? []).map((item) => item.trim()).filter((item) => item !== '');
}

function unlessDefault(value: string | undefined, usual: string): string | undefined {
  return value === usual ? undefined : value;
}

function entries(metadata: Readonly<Record<string, string>> | undefined): readonly MetadataEntry[] {
  return Object.entries(metadata ?? {}).map(([key, value]) => ({ key, value }));
}
