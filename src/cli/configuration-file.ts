import { UserError } from '../base/errors.ts';
import { Findings } from '../base/findings.ts';
import {
  at,
  isJsonObject,
  isScalar,
  type Json,
  type JsonObject,
  JsonSyntaxError,
  parseJson,
  stringifyJson,
} from '../base/json.ts';
import { textOf } from '../base/schema.ts';
import { normalizeConfiguration } from '../job/configuration.ts';
import { selectRows } from '../job/rows.ts';
import type { ConfigurationInput, RowInput } from '../storage/local/configurations.ts';

/** What would run of a configuration: itself, or each of its rows. */
export interface EffectiveConfiguration {
  /** How problems call it. */
  readonly name: string;
  readonly configuration: Json;
}

/** Reads a configuration, or an envelope with rows, and validates what would run, so that a mistake is found here and not in the next job. */
export async function readConfiguration(content: string, source: string): Promise<Omit<ConfigurationInput, 'id'>> {
  const document = parseDocument(content, source);
  const findings = new Findings();
  for (const { configuration, name } of effectiveConfigurations(document, source)) {
    await findings.check(() => normalizeConfiguration(configuration, name));
  }
  findings.throw('The configuration is wrong');
  const envelope = isEnvelope(document);
  return {
    ...(envelope && labelsIn(document)),
    ...(envelope && document.has('isDisabled') && { isDisabled: document.get('isDisabled') === true }),
    configuration: stringifyJson(configurationIn(document)),
    ...(envelope && document.has('rows') && { rows: rowsOf(document.get('rows'), source) }),
  };
}

/** @throws UserError when the rows cannot be told apart */
export function effectiveConfigurations(document: JsonObject, source: string): readonly EffectiveConfiguration[] {
  const rows = rowsOf(isEnvelope(document) ? document.get('rows') : undefined, source).map((row) => ({
    id: row.id,
    isDisabled: false,
    configuration: parseJson(row.configuration ?? '{}'),
    state: new Map(),
  }));
  const selected = selectRows({ configuration: configurationIn(document), state: new Map(), rows, rowIds: [] });
  return selected.rows.map(({ id, configuration }) => ({
    name: id === undefined ? source : `${source}, row ${id}`,
    configuration,
  }));
}

function isEnvelope(document: JsonObject): boolean {
  return document.has('configuration') || document.has('rows');
}

function configurationIn(document: JsonObject): Json {
  return isEnvelope(document) ? (document.get('configuration') ?? new Map()) : document;
}

function labelsIn(json: JsonObject): { readonly name?: string; readonly description?: string } {
  const [name, description] = [json.get('name'), json.get('description')];
  return { ...(typeof name === 'string' && { name }), ...(typeof description === 'string' && { description }) };
}

function rowsOf(json: Json | undefined, source: string): RowInput[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw new UserError(`${source}: rows must be a list`);
  return (json as readonly Json[]).map((row, index) => {
    const id = at(row, 'id');
    if (!isJsonObject(row) || !isScalar(id) || id === null)
      throw new UserError(`${source}: rows.${index} needs an "id"`);
    const state = row.get('state');
    return {
      id: textOf(id),
      ...labelsIn(row),
      ...(row.has('isDisabled') && { isDisabled: row.get('isDisabled') === true }),
      configuration: stringifyJson(row.get('configuration') ?? new Map()),
      ...(state !== undefined && { state: stringifyJson(state) }),
    };
  });
}

/** @throws UserError with line and column when it is no JSON object */
export function parseDocument(content: string, source: string): JsonObject {
  try {
    const json = parseJson(content);
    if (isJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column, detail } = error;
    throw new UserError(`${source} is not JSON: ${error.message}`, {
      problems: [{ source, line, column, message: detail }],
    });
  }
  throw new UserError(`${source} must hold a JSON object`);
}
