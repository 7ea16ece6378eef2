import { ApplicationError } from '../base/errors.ts';
import { isJsonArray, isJsonObject, type Json, JsonNumber, JsonSyntaxError } from '../base/json.ts';
import { parseDocument } from './document.ts';
import type { DocumentFormat } from './types.ts';

export interface UsageMetric {
  readonly metric: string;
  readonly value: number | string;
}

/** Reads `out/usage.json` or `.yml` (contract 3.8); no file means no metrics. @throws ApplicationError naming every entry that is wrong. */
export async function parseUsage(text: string | undefined, format: DocumentFormat): Promise<readonly UsageMetric[]> {
  if (text === undefined) return [];
  let json: Json;
  try {
    json = await parseDocument(text, format);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ApplicationError(`The usage file cannot be read: ${error.message}`, { cause: error });
  }
  const entries = isJsonObject(json) ? [...json.values()] : json;
  if (!isJsonArray(entries)) throw new ApplicationError('The usage file is not a list of metrics');
  const metrics = entries.map(usageMetric);
  const wrong = metrics.flatMap((metric, i) => (metric === undefined ? [String(i)] : []));
  if (wrong.length > 0) {
    throw new ApplicationError(
      `The usage file is wrong: entry ${wrong.join(', ')} must have exactly "metric" and "value", neither of them empty`,
    );
  }
  return metrics.filter((metric) => metric !== undefined);
}

function usageMetric(json: Json): UsageMetric | undefined {
  if (!isJsonObject(json) || json.size !== 2) return undefined;
  const metric = scalar(json.get('metric'));
  const value = scalar(json.get('value'));
  return metric === undefined || value === undefined ? undefined : { metric: String(metric), value };
}

/** Numbers whose digits JavaScript would lose stay text. */
function scalar(json: Json | undefined): string | number | undefined {
  if (json instanceof JsonNumber) return String(Number(json.text)) === json.text ? Number(json.text) : json.text;
  if (typeof json === 'boolean') return String(json);
  return typeof json === 'string' && json !== '' ? json : undefined;
}
