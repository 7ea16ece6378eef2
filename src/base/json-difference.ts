import { isJsonArray, isJsonObject, isScalar, type Json, stringifyJson } from './json.ts';
import { hideSecrets } from './secrets.ts';

/** One place in which two documents differ; values under `#` keys are hidden. */
export interface Difference {
  /** Dotted; empty for the whole document. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: Json;
  readonly after?: Json;
}

/**
 * What must be done to one document to get the other, in the order of their keys: objects key by key, lists item by item, everything else as
 * a whole. Secrets are compared as they are given, so they have to be decrypted, and never shown.
 */
export function differences(before: Json, after: Json): readonly Difference[] {
  return compare(before, after, []);
}

function compare(before: Json | undefined, after: Json | undefined, path: readonly string[]): readonly Difference[] {
  const place = { path: path.join('.') };
  const shown = (json: Json): Json => printable(json, path.at(-1));
  if (before === undefined) return after === undefined ? [] : [{ ...place, kind: 'added', after: shown(after) }];
  if (after === undefined) return [{ ...place, kind: 'removed', before: shown(before) }];
  const isPair = (isJsonObject(before) && isJsonObject(after)) || (isJsonArray(before) && isJsonArray(after));
  if (isPair && !isScalar(before) && !isScalar(after)) {
    const [left, right] = [entriesOf(before), entriesOf(after)];
    const keys = new Set([...left.keys(), ...right.keys()]);
    return [...keys].flatMap((key) => compare(left.get(key), right.get(key), [...path, key]));
  }
  if (stringifyJson(before) === stringifyJson(after)) return [];
  return [{ ...place, kind: 'changed', before: shown(before), after: shown(after) }];
}

function entriesOf(json: readonly Json[] | ReadonlyMap<string, Json>): ReadonlyMap<string, Json> {
  return isJsonArray(json) ? new Map(json.map((item, index) => [String(index), item])) : json;
}

/** A value alone has lost the key that says whether it is a secret. */
function printable(json: Json, key = ''): Json {
  const hidden = hideSecrets(new Map([[key, json]]));
  return isJsonObject(hidden) ? (hidden.get(key) ?? null) : json;
}
