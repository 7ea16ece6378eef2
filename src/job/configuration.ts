import { type Problem, throwProblems } from '../base/errors.ts';
import { at, isJsonArray, isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { readDocument } from '../base/schema.ts';
import type { Configuration, InputFile, InputTable, OutputFile, OutputTable } from '../gen/configuration.schema.js';
import * as configurationSchema from '../gen/configuration.schema.js';
import { fillDefaults } from './configuration-defaults.ts';
import { inputFileProblems, inputTableProblems, outputTableProblems } from './mapping-rules.ts';

export type { InputFile, InputTable, OutputFile, OutputTable };

/** A configuration that passed: the tree that becomes config.json, and typed views of what we act on. */
export interface NormalConfiguration {
  /** The whole document in its own order, with the contract's defaults filled in; `parameters` untouched. */
  readonly document: JsonObject;
  readonly input: { readonly tables: readonly InputTable[]; readonly files: readonly InputFile[] };
  readonly output: {
    readonly defaultBucket?: string;
    readonly tables: readonly OutputTable[];
    readonly files: readonly OutputFile[];
    readonly treatsValuesAsNull?: boolean;
  };
  readonly processors: { readonly before: readonly ProcessorEntry[]; readonly after: readonly ProcessorEntry[] };
  readonly runtime: RuntimeSettings;
  /** The document as plain values, for checks that look at rare keys. */
  readonly plain: Configuration;
}

export interface ProcessorEntry {
  readonly component: string;
  readonly tag?: string;
  /** As written; `{}` when the entry has none. */
  readonly parameters: Json;
}

export interface RuntimeSettings {
  /** `runtime.tag`, else `runtime.image_tag`; never empty. */
  readonly tag?: string;
  /** Of the main container; at most a day. */
  readonly processTimeoutSeconds?: number;
  readonly context?: string;
  readonly backendType?: string;
  readonly containerType?: string;
  readonly parallelism?: string;
}

const longestTimeout = 86_400;

/**
 * Validates a configuration (contract 2.2 to 2.7) and fills in its defaults (3.4). Null, and the empty list PHP writes for an
 * empty object, count as empty. `source` names the document in problems.
 * @throws UserError with every problem, each under a path like `container.storage.input.tables.0`.
 */
export function normalizeConfiguration(configuration: Json, source?: string): NormalConfiguration {
  const isEmpty = configuration === null || (isJsonArray(configuration) && configuration.length === 0);
  const json: Json = isEmpty ? new Map() : configuration;
  const place = { root: 'container', ...(source !== undefined && { source }) };
  const { value, problems } = readDocument(configurationSchema, json, place);
  const plain = value as Configuration;
  throwProblems('The configuration is wrong', [...problems, ...crossProblems(plain, problems, source)]);

  const document = fillDefaults(configurationSchema.schema, json);
  if (!isJsonObject(document)) throw new TypeError('a validated configuration is an object');
  const { storage = {}, runtime = {} } = plain;
  const { default_bucket: defaultBucket, treat_values_as_null: nulls } = storage.output ?? {};
  return {
    document,
    plain,
    input: { tables: storage.input?.tables ?? [], files: storage.input?.files ?? [] },
    output: {
      ...(defaultBucket && { defaultBucket }),
      ...(nulls !== undefined && { treatsValuesAsNull: nulls.length > 0 }),
      tables: storage.output?.tables ?? [],
      files: storage.output?.files ?? [],
    },
    processors: { before: processors(json, plain, 'before'), after: processors(json, plain, 'after') },
    runtime: runtimeSettings(runtime),
  };
}

function processors(json: Json, plain: Configuration, position: 'before' | 'after'): readonly ProcessorEntry[] {
  const written = at(json, 'processors', position);
  const entries = isJsonObject(written) ? [...written.values()] : isJsonArray(written) ? written : [];
  return (plain.processors?.[position] ?? []).map(({ definition }, index) => ({
    component: definition.component,
    ...(definition.tag && { tag: definition.tag }),
    parameters: orEmptyObject(at(entries[index], 'parameters')),
  }));
}

/** `{}` for what is absent, null, or PHP's empty list. */
export function orEmptyObject(json: Json | undefined): Json {
  return json === undefined || json === null || (isJsonArray(json) && json.length === 0) ? new Map() : json;
}

function runtimeSettings(runtime: NonNullable<Configuration['runtime']>): RuntimeSettings {
  const tag = runtime.tag || runtime.image_tag;
  const { process_timeout: timeout, backend, parallelism } = runtime;
  return {
    ...(tag && { tag }),
    ...(timeout !== undefined && timeout !== null && { processTimeoutSeconds: Math.min(timeout, longestTimeout) }),
    ...(backend?.context && { context: backend.context }),
    ...(backend?.type && { backendType: backend.type }),
    ...(backend?.containerType && { containerType: backend.containerType }),
    ...(parallelism !== undefined && parallelism !== null && { parallelism: String(parallelism) }),
  };
}

/** Rules between the keys of a mapping item, for every item in which the schema found nothing wrong. */
function crossProblems(
  { storage }: Configuration,
  known: readonly Problem[],
  source: string | undefined,
): readonly Problem[] {
  const check = <T>(path: string, items: readonly T[] | undefined, rules: (item: T) => readonly Problem[]): Problem[] =>
    (Array.isArray(items) ? (items as readonly T[]) : []).flatMap((item, i) => {
      const place = `container.storage.${path}.${i}`;
      const isWrong = known.some((problem) => `${problem.path}.`.startsWith(`${place}.`));
      return isWrong ? [] : below(place, rules(item));
    });
  const found = [
    ...check('input.tables', storage?.input?.tables, inputTableProblems),
    ...check('input.files', storage?.input?.files, inputFileProblems),
    ...check('output.tables', storage?.output?.tables, outputTableProblems),
  ];
  return source === undefined ? found : found.map((problem) => ({ ...problem, source }));
}

function below(path: string, problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) => ({
    ...problem,
    path: [path, problem.path].filter((part) => part !== undefined).join('.'),
  }));
}
