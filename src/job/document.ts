import type { ScalarTag } from 'yaml';
import { fromPlain, type Json, JsonNumber, JsonSyntaxError, parseJson, stringifyJson } from '../base/json.ts';
import type { DocumentFormat } from './types.ts';

/** Decimal numbers keep their text both ways; what JSON cannot write (`0x1f`, `012`) is read as YAML means it. */
const numberTag: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => value instanceof JsonNumber,
  test: /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/,
  resolve: (text) => new JsonNumber(text),
  // YAML 1.1 takes an exponent for a number only behind a point and with a sign.
  stringify: ({ value }) =>
    (value as JsonNumber).text.replace(
      /^(-?\d+)(\.\d+)?[eE]([+-]?)/,
      (_, whole, rest, sign) => `${whole}${rest ?? '.0'}e${sign || '+'}`,
    ),
};

/** Texts that some readers of YAML 1.1 stumble over unless they are quoted and escaped. */
const awkward = /^=$|[\t\u007f-\u009f\u2028\u2029\ufeff]/;

const awkwardTextTag: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  default: true,
  identify: (value) => typeof value === 'string' && awkward.test(value),
  resolve: (text) => text,
  stringify: ({ value }) =>
    JSON.stringify(value).replace(
      /[\u007f-\u009f\u2028\u2029\ufeff]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
};

/** File extension of a format: `config.yml`, but `yaml` in definitions. */
export function extensionOf(format: DocumentFormat): 'json' | 'yml' {
  return format === 'json' ? 'json' : 'yml';
}

/** The text of a file a component reads: JSON with an indent of four, or block-style YAML that YAML 1.1 readers understand alike. */
export async function renderDocument(json: Json, format: DocumentFormat): Promise<string> {
  if (format === 'json') return `${stringifyJson(json, 4)}\n`;
  const { stringify } = await import('yaml');
  return stringify(json, {
    customTags: (tags) => [numberTag, awkwardTextTag, ...tags],
    compat: 'yaml-1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

/** Reads a file a component wrote. @throws JsonSyntaxError with line and column, for YAML as well. */
export async function parseDocument(text: string, format: DocumentFormat): Promise<Json> {
  if (format === 'json') return parseJson(text);
  const { LineCounter, parseDocument: parseYaml } = await import('yaml');
  const lines = new LineCounter();
  const fail = (message: string, offset: number): never => {
    const { line, col } = lines.linePos(offset);
    throw new JsonSyntaxError(message, line, col);
  };
  try {
    const document = parseYaml(text, {
      customTags: (tags) => [numberTag, ...tags],
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
    });
    const [error] = document.errors;
    if (error !== undefined) return fail(error.message, error.pos[0]);
    return finite(fromPlain(document.toJS({ mapAsMap: true, maxAliasCount: 100 })));
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw error;
    // Too deep for the parser's stack, or aliases that multiply.
    return fail(error instanceof Error ? error.message : String(error), 0);
  }
}

function finite(json: Json): Json {
  // A round trip through text refuses what JSON has no word for: `.inf`, `.nan`, and nesting without end.
  return parseJson(stringifyJson(json));
}
