import { randomBytes } from 'node:crypto';
import { UserError } from '../../base/errors.ts';
import { at, isJsonObject, type Json, JsonSyntaxError, parseJson } from '../../base/json.ts';
import { collectSecrets } from '../../base/secrets.ts';
import { mainConfigFile, processorConfigFile } from '../config-file.ts';
import { normalizeConfiguration } from '../configuration.ts';
import type { CheckRequest } from './types.ts';

/** A `config.json` for a trial, and the `#` values that must not be seen in its output. */
export interface TrialConfig {
  readonly config: Json;
  readonly secrets: readonly string[];
  /** Names in `out/tables` and `out/files` that the output mapping wants. */
  readonly wanted: { readonly tables: readonly string[]; readonly files: readonly string[] };
}

/** The configuration that was given, as the component will find it. @throws UserError with every problem of it */
export function givenConfig({ text, source }: NonNullable<CheckRequest['config']>, isProcessor: boolean): TrialConfig {
  const json = parse(text, source);
  const action = at(json, 'action');
  const about = {
    imageParameters: at(json, 'image_parameters') ?? new Map(),
    action: typeof action === 'string' && action !== '' ? action : 'run',
  };
  const { document, output } = normalizeConfiguration(json, source);
  const parameters = document.get('parameters') ?? new Map();
  const config = isProcessor ? processorConfigFile({ ...about, parameters }) : mainConfigFile({ ...about, document });
  const sources = (items: readonly { readonly source?: string }[]): readonly string[] =>
    isProcessor ? [] : items.flatMap(({ source: wanted }) => (wanted ? [wanted] : []));
  const wanted = { tables: sources(output.tables), files: sources(output.files) };
  return { config, secrets: collectSecrets(config), wanted };
}

/** One with nothing but a secret that no component knows, unlike any text it could print by itself. */
export function minimalConfig(isProcessor: boolean): TrialConfig {
  const secret = `secret-${randomBytes(12).toString('hex')}`;
  const parameters = new Map([['#componentd_check', secret]]);
  const about = { imageParameters: new Map(), action: 'run' };
  const config = isProcessor
    ? processorConfigFile({ ...about, parameters })
    : mainConfigFile({ ...about, document: new Map([['parameters', parameters]]) });
  return { config, secrets: [secret], wanted: { tables: [], files: [] } };
}

function parse(text: string, source: string): Json {
  try {
    const json = parseJson(text);
    if (isJsonObject(json)) return json;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { detail: message, line, column } = error;
    throw new UserError(`${source} is not JSON: line ${line}, column ${column}: ${message}`, {
      problems: [{ source, line, column, message }],
      hint: 'Give a configuration, or a config.json as components find it.',
    });
  }
  throw new UserError(`${source} is not a JSON object`, { hint: 'Begin with {"parameters": {}}.' });
}
