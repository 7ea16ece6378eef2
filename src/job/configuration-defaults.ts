import { fromPlain, isJsonArray, isJsonObject, type Json } from '../base/json.ts';
import { childNode, resolveNode, type SchemaNode } from '../base/schema.ts';

/** A schema node with the annotations that matter when the document is written. */
interface WritingNode extends SchemaNode {
  readonly default?: unknown;
  readonly 'x-blank'?: unknown;
  readonly 'x-drop-empty'?: boolean;
}

/**
 * The document with every `default` of its schema filled in and every `x-drop-empty` value left out; order, numbers and the shape
 * of lists and objects stay as they were written, and so does everything the schema says nothing about.
 */
export function fillDefaults(schema: SchemaNode, json: Json): Json {
  return fill(schema, schema, json);
}

function fill(root: SchemaNode, reference: SchemaNode | undefined, json: Json): Json {
  const node = resolveNode(root, reference) as WritingNode | undefined;
  if (node === undefined) return json;
  if (node['x-blank'] !== undefined && (json === null || json === '')) return fromPlain(node['x-blank']);
  if (node.type === 'array') return fillItems(root, node, json);
  if (node.type !== 'object' || node.properties === undefined) return json;
  if (isJsonArray(json) || json === null) return fillObject(root, node, new Map());
  return isJsonObject(json) ? fillObject(root, node, json) : json;
}

function fillItems(root: SchemaNode, node: SchemaNode, json: Json): Json {
  if (json === null) return [];
  if (isJsonArray(json)) return json.map((item) => fill(root, node.items, item));
  // A list that was written as an object with keys "0", "1" stays one: components have been seeing it that way.
  if (isJsonObject(json)) return new Map(Array.from(json, ([key, item]) => [key, fill(root, node.items, item)]));
  return json;
}

function fillObject(root: SchemaNode, node: SchemaNode, json: ReadonlyMap<string, Json>): Json {
  const filled = new Map<string, Json>();
  for (const [key, item] of json) {
    const child = resolveNode(root, childNode(node, key)) as WritingNode | undefined;
    const value = fill(root, child, item);
    if (child?.['x-drop-empty'] === true && isEmpty(value)) continue;
    filled.set(key, value);
  }
  for (const [key, reference] of Object.entries(node.properties ?? {})) {
    const child = resolveNode(root, reference) as WritingNode | undefined;
    if (child?.default !== undefined && !filled.has(key)) filled.set(key, fromPlain(child.default));
  }
  return filled;
}

function isEmpty(json: Json): boolean {
  return (
    json === null || json === '' || (isJsonArray(json) && json.length === 0) || (isJsonObject(json) && json.size === 0)
  );
}
