import { isJsonArray, isJsonObject, isScalar, type Json, JsonNumber } from './json.ts';

/** What is printed in a secret's place. */
export const mask = '[hidden]';

type Scalar = null | boolean | string | JsonNumber;

/**
 * The tree with every scalar directly under a `#` key replaced. Objects and arrays are descended whatever their key,
 * and their children need a `#` of their own. `path` is the dotted path of the value, starting with `root`.
 */
export function mapSecrets(json: Json, replace: (value: Scalar, path: string) => Json, root = ''): Json {
  const inner = (value: Json, path: string): Json => {
    if (isJsonArray(value)) return value.map((item, index) => inner(item, join(path, String(index))));
    if (!isJsonObject(value)) return value;
    return new Map(
      Array.from(value, ([key, item]) => {
        const below = join(path, key);
        return [key, key.startsWith('#') && isScalar(item) ? replace(item, below) : inner(item, below)];
      }),
    );
  };
  return inner(json, root);
}

/** The text a secret scalar stands for: numbers as they were written, null as nothing. */
export function secretText(value: Scalar): string {
  if (value === null) return '';
  return value instanceof JsonNumber ? value.text : String(value);
}

/** Every text and number under a `#` key of a decrypted tree, once each, without empty ones: what a redactor must hide. */
export function collectSecrets(json: Json): string[] {
  const found = new Set<string>();
  mapSecrets(json, (value) => {
    if (typeof value !== 'boolean') found.add(secretText(value));
    return value;
  });
  found.delete('');
  return [...found];
}

/** The tree for printing: every non-empty scalar under a `#` key reads `[hidden]`. */
export function hideSecrets(json: Json): Json {
  return mapSecrets(json, (value) => (secretText(value) === '' ? value : mask));
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
