import { columnProblems, isSystemColumn, sanitizeColumn } from '../base/column-names.ts';
import type { Problem } from '../base/errors.ts';
import type { OutputTable } from './configuration.ts';
import { type DataTypes, type SchemaTypes, schemaTypes } from './data-types.ts';
import { resolveDestination } from './destination.ts';
import { type OutputEntry, slicesOf } from './output-entries.ts';
import type { OutTableManifest } from './output-manifest.ts';
import type { Producer } from './output-request.ts';
import type { TableLoad } from './storage.ts';
import { mergeMetadata, mergeTableProperties, type TableProperties } from './table-properties.ts';

/** One load of one data item; the same item may be loaded several times. */
export interface TableIntent {
  /** Name in out/tables. */
  readonly source: string;
  /** Absent for a file; for a folder its slices in order, possibly none. */
  readonly slices?: readonly string[];
  readonly writeAlways: boolean;
  readonly load: Omit<TableLoad, 'paths'>;
}

export interface TableSource {
  readonly entry: OutputEntry;
  readonly manifest: OutTableManifest;
  readonly mapping?: OutputTable;
  readonly defaultBucket?: string;
  readonly dataTypes: DataTypes;
  /** See `LoadTyping`. */
  readonly emptyIsNull: boolean;
  readonly producer: Producer;
}

export interface TablePlan {
  readonly intent: TableIntent;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** What to load from one data item, by one mapping item or none (contract 4.6.3 to 4.6.6). The intent is only worth something without problems. */
export function planTable(source: TableSource): TablePlan {
  const { entry, manifest, mapping, defaultBucket, producer } = source;
  const properties = mergeTableProperties(mapping, manifest);
  const destination = resolveDestination({
    source: entry.name,
    ...(mapping?.destination !== undefined && { mapping: mapping.destination }),
    ...(manifest.destination !== undefined && { manifest: manifest.destination }),
    ...(defaultBucket !== undefined && { defaultBucket }),
  });
  const folder = `out/tables/${entry.name}`;
  const slices = entry.kind === 'folder' ? slicesOf(folder, entry.slices ?? []) : undefined;
  const typed = schemaTypes(properties.schema, source.dataTypes);
  const columns = sanitizeColumns(properties, typed);
  const complaints = [
    ...properties.complaints,
    ...columns.complaints,
    ...typed.complaints,
    ...(slices !== undefined && properties.columns.length === 0
      ? ['a folder of slices needs "columns" in its manifest or mapping']
      : []),
  ];
  return {
    intent: {
      source: entry.name,
      ...(slices !== undefined && { slices: slices.names }),
      writeAlways: properties.writeAlways,
      load: {
        source: entry.name,
        destination: 'id' in destination ? destination.id : '',
        ...(properties.columns.length > 0 && { columns: columns.columns }),
        skipHeader: properties.columns.length > 0 && properties.hasHeader,
        csv: { delimiter: properties.delimiter, enclosure: properties.enclosure },
        incremental: properties.incremental,
        primaryKey: columns.primaryKey,
        distributionKey: columns.distributionKey,
        ...(properties.description !== undefined && { description: properties.description }),
        metadata: properties.metadata,
        columnMetadata: columns.metadata,
        provider: producer.component,
        ...(source.dataTypes !== 'off' && {
          typing: {
            types: columns.types,
            isAuthoritative: source.dataTypes === 'authoritative',
            emptyIsNull: source.emptyIsNull,
          },
        }),
        origin: { component: producer.component, configuration: producer.configId, configurationRow: producer.rowId },
      },
    },
    problems: [
      ...('id' in destination ? [] : [{ path: folder, message: destination.complaint, hint: destination.hint }]),
      ...complaints.map((message) => ({ path: folder, message })),
      ...(slices?.problems ?? []),
    ],
    warnings: [
      ...('warning' in destination && destination.warning !== undefined ? [destination.warning] : []),
      ...[...columns.warnings, ...typed.warnings].map((warning) => `${entry.name}: ${warning}`),
    ],
  };
}

function sanitizeColumns(properties: TableProperties, { types, hints }: Pick<SchemaTypes, 'types' | 'hints'>) {
  const renamed = new Map<string, string>();
  const system = new Set<string>();
  const sanitize = (name: string): string => {
    if (isSystemColumn(name)) system.add(name);
    const plain = sanitizeColumn(name);
    if (plain !== name) renamed.set(name, plain);
    return plain;
  };
  const columns = properties.columns.map(sanitize);
  // What the author writes himself wins over what follows from his schema.
  const described = [...new Set([...hints.keys(), ...properties.columnMetadata.keys()])].map(
    (name) => [name, mergeMetadata(hints.get(name) ?? [], properties.columnMetadata.get(name) ?? [])] as const,
  );
  return {
    columns,
    primaryKey: properties.primaryKey.map(sanitize),
    distributionKey: properties.distributionKey.map(sanitize),
    metadata: Object.fromEntries(described.map(([name, list]) => [sanitize(name), list])),
    types: Object.fromEntries(Array.from(types, ([name, type]) => [sanitize(name), type])),
    warnings: Array.from(renamed, ([from, to]) => `the column "${from}" is stored as "${to}"`),
    complaints: [
      ...Array.from(system, (name) => `the column "${name}" is a system column and cannot be written`),
      ...columnProblems(properties.columns, columns, '')
        .filter(({ index }) => !isSystemColumn(properties.columns[index] ?? ''))
        .map(({ message }) => message),
    ],
  };
}
