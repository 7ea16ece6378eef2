import type { Problem } from './errors.ts';
import { fromPlain, isJsonArray, isJsonObject, isScalar, type Json, JsonNumber, toPlain } from './json.ts';
import { suggest } from './suggest.ts';

/**
 * One node of a JSON Schema (2020-12), as far as reading needs it. Our annotations:
 * `x-text`: a number, boolean or null is read as text. `x-blank`: what null and the empty text stand for.
 * `x-drop-empty`: an empty value is left out when the document is written.
 */
export interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly 'x-text'?: boolean;
}

/** What the generated modules export: see scripts/generate-schemas.ts. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly Violation[] | null;
}

export interface Violation {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

export interface CompiledSchema {
  readonly validate: Validator;
  readonly schema: SchemaNode;
}

/** Where a document comes from: `source` names it, `root` opens every path (for example `container`). */
export interface DocumentPlace {
  readonly source?: string;
  readonly root?: string;
}

/**
 * The document as plain values, read through its schema: PHP writes an empty object as `[]` and a list as an object with keys
 * `0`, `1`, so both are read as the schema means them; null counts as absent. Numbers in text places keep their digits.
 * `value` is only worth reading when there are no problems.
 */
export function readDocument(
  compiled: CompiledSchema,
  json: Json,
  place: DocumentPlace = {},
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const value = toPlain(asMeant(compiled.schema, compiled.schema, json));
  if (compiled.validate(value)) return { value, problems: [] };
  return {
    value,
    problems: (compiled.validate.errors ?? []).map((violation) =>
      describe(violation, { schema: compiled.schema, place, value }),
    ),
  };
}

/** Follows `$ref`s to the node that says something; keywords beside a reference win. */
export function resolveNode(root: SchemaNode, node: SchemaNode | undefined): SchemaNode | undefined {
  if (node?.$ref === undefined) return node;
  const { $ref, ...beside } = node;
  return { ...resolveNode(root, pointed(root, $ref)), ...beside };
}

function asMeant(root: SchemaNode, reference: SchemaNode | undefined, json: Json): Json {
  const node = resolveNode(root, reference);
  if (node === undefined) return json;
  if ('x-blank' in node && (json === null || json === '')) return fromPlain(node['x-blank']);
  if (node['x-text'] === true && isScalar(json)) return textOf(json);
  // A number with a point or an exponent is no integer, whatever its value; as text it will be refused as one.
  if (json instanceof JsonNumber && /[.eE]/.test(json.text) && [node.type].flat().includes('integer')) return json.text;
  if (node.type === 'array') {
    const items = json === null ? [] : isJsonObject(json) ? [...json.values()] : json;
    return isJsonArray(items) ? items.map((item) => asMeant(root, node.items, item)) : items;
  }
  if (node.type === 'object') {
    const entries = json === null || (isJsonArray(json) && json.length === 0) ? new Map<string, Json>() : json;
    if (!isJsonObject(entries)) return entries;
    const kept = [...entries].filter(
      ([key, value]) => value !== null || !isAbsentAsNull(resolveNode(root, childNode(node, key))),
    );
    return new Map(kept.map(([key, value]) => [key, asMeant(root, childNode(node, key), value)]));
  }
  return json;
}

/** Null in place of a text, a list or an object says that there is none. */
function isAbsentAsNull(node: SchemaNode | undefined): boolean {
  return node !== undefined && !('x-blank' in node) && ['string', 'array', 'object'].some((type) => type === node.type);
}

/** The node that describes this key of an object. */
export function childNode(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) return node.properties[key];
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

/** A scalar as PHP would print it, but numbers as they were written. */
export function textOf(json: null | boolean | string | JsonNumber): string {
  if (json instanceof JsonNumber) return json.text;
  if (json === null || json === false) return '';
  return json === true ? '1' : json;
}

interface Read {
  readonly schema: SchemaNode;
  readonly place: DocumentPlace;
  readonly value: unknown;
}

function describe(violation: Violation, { schema, place, value }: Read): Problem {
  const { params, keyword } = violation;
  const path = [place.root ?? '', ...violation.instancePath.split('/').slice(1).map(unescapePointer)].filter(
    (part) => part !== '',
  );
  const problem = (message: string, key?: string, hint?: string): Problem => {
    const where = key === undefined ? path : [...path, key];
    return {
      message,
      ...(place.source !== undefined && { source: place.source }),
      ...(where.length > 0 && { path: where.join('.') }),
      ...(hint !== undefined && { hint }),
    };
  };
  const found = valueAt(value, violation.instancePath);
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      const known = Object.keys(nodeAt(schema, violation.instancePath)?.properties ?? {});
      const meant = suggest(key, known);
      return problem(
        `unknown key "${key}"`,
        key,
        meant === undefined ? `known keys: ${known.join(', ')}` : `did you mean "${meant}"?`,
      );
    }
    case 'required':
      return problem('is required', String(params.missingProperty), `add the key "${params.missingProperty}"`);
    case 'enum': {
      const allowed = (params.allowedValues as readonly unknown[]).map(String);
      const meant = suggest(String(found), allowed);
      const hint = meant === undefined ? 'choose one of them, or leave it out' : `did you mean "${meant}"?`;
      return problem(`must be one of ${allowed.join(', ')}`, undefined, hint);
    }
    case 'type':
      return problem(`must be ${[params.type].flat().join(' or ')}`, undefined, `it is ${kindOf(found)}`);
    case 'minLength':
    case 'minItems':
      return problem('must not be empty', undefined, 'fill it, or leave it out');
    case 'minimum':
    case 'maximum':
      return problem(violation.message ?? `violates ${keyword}`, undefined, `it is ${String(found)}`);
    case 'pattern':
      return problem(`must match ${String(params.pattern)}`);
    default:
      return problem(violation.message ?? `violates ${keyword}`);
  }
}

function pointed(root: SchemaNode, pointer: string): SchemaNode | undefined {
  let node: unknown = root;
  for (const part of pointer.split('/').slice(1))
    node = (node as Record<string, unknown> | undefined)?.[unescapePointer(decodeURIComponent(part))];
  return node as SchemaNode | undefined;
}

function valueAt(value: unknown, pointer: string): unknown {
  let found = value;
  for (const part of pointer.split('/').slice(1)) found = (found as Record<string, unknown>)[unescapePointer(part)];
  return found;
}

/** What a value is, without showing it: it may be a secret. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return { string: 'a text', number: 'a number', boolean: 'true or false' }[typeof value as string] ?? 'an object';
}

/** The node that describes the value at a JSON pointer into the document. */
function nodeAt(root: SchemaNode, pointer: string): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const part of pointer.split('/').slice(1)) {
    if (node === undefined) return undefined;
    node = resolveNode(root, node.type === 'array' ? node.items : childNode(node, unescapePointer(part)));
  }
  return node;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
