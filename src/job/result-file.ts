import { isJsonArray, isJsonObject, isScalar, type Json, JsonSyntaxError, parseJson } from '../base/json.ts';
import { textOf } from '../base/schema.ts';

/** Reads `out/result.json` (contract 3.9): output variables as text. Nothing in it can fail a job; what is wrong becomes a warning. */
export function parseResultFile(text: string | undefined): {
  readonly variables: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
} {
  if (text === undefined) return { variables: {}, warnings: [] };
  let json: Json;
  try {
    json = parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { variables: {}, warnings: [`out/result.json cannot be read: ${error.message}`] };
  }
  const variables = isJsonObject(json) ? json.get('variables') : undefined;
  if (isJsonObject(json) && (variables === undefined || (isJsonArray(variables) && variables.length === 0)))
    return { variables: {}, warnings: [] };
  if (!isJsonObject(variables))
    return { variables: {}, warnings: ['out/result.json is not an object with an object "variables"'] };
  const texts = [...variables].flatMap(([name, value]) => (isScalar(value) ? [[name, textOf(value)] as const] : []));
  return { variables: Object.fromEntries(texts), warnings: [] };
}
