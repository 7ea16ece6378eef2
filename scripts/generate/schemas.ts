import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AnySchemaObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { compile } from 'json-schema-to-typescript';

/** Our annotations, read by src/base/schema.ts: see `SchemaNode` there. */
const annotations = ['x-text', 'x-blank', 'x-drop-empty'];

/**
 * What `src/gen` holds of `schemas/`: for each schema a module with the validator as plain code (so that ajv is not loaded
 * at run time) and the schema without its prose, and a declaration with its TypeScript type. Path to content.
 */
export async function generateSchemas(root: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const folder = join(root, 'schemas');
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()) {
    const name = basename(file, '.json');
    const schema = JSON.parse(await readFile(join(folder, file), 'utf8')) as AnySchemaObject;
    files.set(join('src', 'gen', `${name}.schema.js`), validatorModule(schema));
    files.set(join('src', 'gen', `${name}.schema.d.ts`), await declaration(schema));
  }
  return files;
}

function validatorModule(schema: AnySchemaObject): string {
  // `unicode: false` measures lengths in code units and spares the generated code an import of ajv.
  const ajv = new Ajv2020({
    allErrors: true,
    unicode: false,
    logger: false,
    strictTypes: false,
    code: { source: true, esm: true },
  });
  for (const keyword of annotations) ajv.addKeyword(keyword);
  const code = standaloneCode.default(ajv, ajv.compile(withoutProse(schema) as AnySchemaObject));
  if (/\brequire\(|\bimport\b/.test(code))
    throw new Error(`the validator of ${schema.title} wants to import something`);
  return `${code.replace(/^"use strict";/, '').replace('export default', 'const unused =')}\nexport const schema = ${JSON.stringify(withoutProse(schema))};\n`;
}

function withoutProse(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProse);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !(key === 'description' && typeof item === 'string') && key !== '$schema')
      .map(([key, item]) => [key, withoutProse(item)]),
  );
}

async function declaration(schema: AnySchemaObject): Promise<string> {
  const types = await compile(withBareReferences(schema) as Parameters<typeof compile>[0], schema.title as string, {
    bannerComment: '',
    additionalProperties: false,
    unknownAny: true,
    unreachableDefinitions: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  return `import type { SchemaNode, Validator } from '../base/schema.ts';\n\n${types}\nexport declare const validate: Validator;\nexport declare const schema: SchemaNode;\n`;
}

/** A reference with keywords beside it would become a numbered copy of the type it names. */
function withBareReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBareReferences);
  if (typeof value !== 'object' || value === null) return value;
  if ('$ref' in value) return { $ref: value.$ref };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withBareReferences(item)]));
}
