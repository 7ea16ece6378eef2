import type { Problem } from '../../base/errors.ts';
import { isScalar, type Json, JsonNumber } from '../../base/json.ts';
import type { BuildParameter } from './definition.ts';

/** A value as it is inserted, or what is wrong with it. */
export type Insertion = { readonly text: string } | { readonly problem: Problem };

/** A parameter's value as its type inserts it (contract 9.1). A problem names the parameter and, unless it is a secret, the value. */
export function insertionOf(parameter: BuildParameter, value: Json): Insertion {
  const { name, type, values } = parameter;
  const shown = name.startsWith('#') ? 'the value' : JSON.stringify(value instanceof JsonNumber ? value.text : value);
  const refuse = (message: string, hint?: string): Insertion => ({
    problem: { path: name, message: `${shown} of the build parameter "${name}" ${message}`, ...(hint && { hint }) },
  });
  if (!isScalar(value)) return refuse('is not a text or a number');
  const text = textOf(value);
  switch (type) {
    case 'integer':
      return { text: integerText(text) };
    case 'string':
      return { text };
    case 'argument':
      return { text: `'${text.replaceAll("'", `'\\''`)}'` };
    case 'plain_string':
      return /^[a-z0-9_.-]+$/i.test(text) ? { text } : refuse('may hold letters, digits, "_", "." and "-" only');
    case 'enumeration':
      return values.includes(text) ? { text } : refuse('is not allowed', `allowed are ${values.join(', ')}`);
  }
}

/** As PHP casts, where true is 1 and false is nothing. */
function textOf(value: null | boolean | string | JsonNumber): string {
  if (value === null || value === false) return '';
  if (value === true) return '1';
  return value instanceof JsonNumber ? value.text : value;
}

/** The number that the text begins with, cut to an integer; 0 without one. */
function integerText(text: string): string {
  const number = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i.exec(text)?.[1];
  const whole = Math.trunc(Number(number ?? 0));
  return Number.isFinite(whole) ? BigInt(whole).toString() : '0';
}

const placeholder = /\{\{(#?[A-Za-z0-9_-]+)\}\}/g;

/** The text with every placeholder whose name is known replaced; what a value holds is not looked at again. */
export function fillIn(text: string, known: ReadonlyMap<string, string>): string {
  return text.replace(placeholder, (whole, name: string) => known.get(name) ?? whole);
}

/** The names of all placeholders in a text, once each. */
export function placeholdersOf(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(placeholder), ([, name = '']) => name))];
}
