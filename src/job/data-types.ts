import { baseTypeOf, baseTypes, type ColumnType, lengthComplaint, type NativeType } from '../base/column-types.ts';
import type { DataType, OutTableManifest } from '../gen/table-manifest-out.schema.js';
import type { MetadataEntry } from './storage.ts';

export type SchemaColumn = NonNullable<OutTableManifest['schema']>[number];

/** What a component's schemas are worth (contract 4.7). `off`: the project keeps no types, and schemas only name columns. */
export type DataTypes = 'off' | 'none' | 'hints' | 'authoritative';

/** The project feature that turns types on. */
const nativeTypes = 'new-native-types';

/** What one schema says about types; by the columns' names as they are written. */
export interface SchemaTypes {
  readonly types: ReadonlyMap<string, ColumnType>;
  /** Types as metadata of columns that stay text. */
  readonly hints: ReadonlyMap<string, readonly MetadataEntry[]>;
  readonly complaints: readonly string[];
  readonly warnings: readonly string[];
}

/** `wished` is the configuration's own word, `component` that of the definition. */
export function dataTypesOf(
  features: readonly string[],
  { wished, component }: { readonly wished?: DataTypes | null | undefined; readonly component: DataTypes },
): DataTypes {
  return features.includes(nativeTypes) ? (wished ?? component) : 'off';
}

export function schemaTypes(schema: readonly SchemaColumn[], mode: DataTypes): SchemaTypes {
  const nothing: SchemaTypes = { types: new Map(), hints: new Map(), complaints: [], warnings: [] };
  if (mode === 'off') return { ...nothing, warnings: lostTypes(schema) };
  if (schema.length === 0 && mode !== 'none')
    return { ...nothing, complaints: [`a "schema" is required, the component's data types are ${mode}`] };
  if (mode === 'hints') return { ...nothing, hints: new Map(schema.flatMap(hintsOf)) };
  const types = new Map<string, ColumnType>();
  const complaints: string[] = [];
  for (const column of schema) {
    const type = columnType(column);
    if (typeof type === 'string') complaints.push(`the column "${column.name}": ${type}`);
    else if (type !== undefined) types.set(column.name, type);
  }
  const untyped = mode === 'authoritative' ? schema.filter(({ data_type: type }) => type?.base === undefined) : [];
  if (untyped.length > 0) {
    const names = untyped.map(({ name }) => name).join(', ');
    complaints.push(`the schema needs a base type for ${names}, the component's data types are authoritative`);
  }
  return { ...nothing, types, complaints };
}

/** A column's type; `undefined` when nothing is said; a text: what is wrong with it. */
function columnType({ data_type: dataType, nullable }: SchemaColumn): ColumnType | string | undefined {
  if (dataType === undefined) return undefined;
  const { base: written, ...databases } = dataType;
  const base = baseTypeOf(written?.type ?? 'STRING');
  if (base === undefined) return `"${written?.type}" is no base type; there are ${baseTypes.join(', ')}`;
  const native = Object.entries(databases).flatMap(([name, type]): [string, NativeType][] =>
    type === undefined ? [] : [[name, { type: type.type, ...details(type) }]],
  );
  const type: ColumnType = {
    base,
    ...details(written),
    nullable: nullable ?? true,
    ...(native.length > 0 && { native: Object.fromEntries(native) }),
  };
  return lengthComplaint(type) ?? type;
}

function details(type: DataType | undefined): Pick<NativeType, 'length' | 'default'> {
  return {
    ...(type?.length && { length: type.length }),
    ...(type?.default !== undefined && { default: type.default }),
  };
}

/** The type as the metadata that readers of untyped tables look for. */
function hintsOf({ name, data_type: dataType, nullable }: SchemaColumn): [string, readonly MetadataEntry[]][] {
  const { base, ...databases } = dataType ?? {};
  const native = Object.values(databases).find((type) => type !== undefined) ?? base;
  if (native === undefined) return [];
  const entries = {
    'KBC.datatype.type': native.type,
    'KBC.datatype.basetype': base?.type.toUpperCase(),
    'KBC.datatype.length': native.length,
    'KBC.datatype.default': native.default,
    'KBC.datatype.nullable': nullable === false ? '0' : '1',
  };
  return [
    [
      name,
      Object.entries(entries).flatMap(([key, value]) => (value === undefined || value === '' ? [] : [{ key, value }])),
    ],
  ];
}

function lostTypes(schema: readonly SchemaColumn[]): readonly string[] {
  const typed = schema
    .filter(({ data_type: type }) => type?.base !== undefined && type.base.type.toUpperCase() !== 'STRING')
    .map(({ name }) => name);
  if (typed.length === 0) return [];
  return [
    `the data types of ${typed.join(', ')} are not kept, every value is text: the project is without the feature ${nativeTypes}`,
  ];
}
