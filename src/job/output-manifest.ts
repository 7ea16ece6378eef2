import type { Problem } from '../base/errors.ts';
import { isJsonArray, type Json, JsonSyntaxError } from '../base/json.ts';
import { type CompiledSchema, readDocument } from '../base/schema.ts';
import type { OutFileManifest } from '../gen/file-manifest-out.schema.js';
import * as fileSchema from '../gen/file-manifest-out.schema.js';
import type { OutTableManifest } from '../gen/table-manifest-out.schema.js';
import * as tableSchema from '../gen/table-manifest-out.schema.js';
import { parseDocument } from './document.ts';
import type { DocumentFormat } from './types.ts';

export type { OutFileManifest, OutTableManifest };

/** A manifest of a component, read or refused. */
export type Manifest<T> = { readonly content: T } | { readonly problems: readonly Problem[] };

/** `path` names the manifest in problems: `out/tables/cities.csv.manifest`. */
export async function readTableManifest(
  text: string,
  path: string,
  format: DocumentFormat,
): Promise<Manifest<OutTableManifest>> {
  const manifest = await readManifest<OutTableManifest>(tableSchema, { text, path, format });
  if ('problems' in manifest) return manifest;
  const problems = tableManifestComplaints(manifest.content).map((complaint) => ({ ...complaint, source: path }));
  return problems.length > 0 ? { problems } : manifest;
}

export async function readFileManifest(
  text: string,
  path: string,
  format: DocumentFormat,
): Promise<Manifest<OutFileManifest>> {
  return await readManifest<OutFileManifest>(fileSchema, { text, path, format });
}

async function readManifest<T>(
  schema: CompiledSchema,
  { text, path, format }: { text: string; path: string; format: DocumentFormat },
): Promise<Manifest<T>> {
  let json: Json;
  try {
    json = await parseDocument(text, format);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return {
      problems: [
        {
          source: path,
          line: error.line,
          column: error.column,
          message: `is not ${format === 'json' ? 'JSON' : 'YAML'}: ${error.detail}`,
        },
      ],
    };
  }
  const { value, problems } = readDocument(schema, isJsonArray(json) && json.length === 0 ? new Map() : json, {
    source: path,
  });
  return problems.length > 0 ? { problems } : { content: value as T };
}

/** What a schema cannot say about one table manifest (contract 4.6.5). */
function tableManifestComplaints(manifest: OutTableManifest): readonly Problem[] {
  const problems: Problem[] = [];
  if ((manifest.schema ?? []).length > 0) {
    for (const key of ['columns', 'metadata', 'column_metadata', 'primary_key', 'distribution_key'] as const) {
      const value = manifest[key];
      if (value !== undefined && Object.keys(value).length > 0)
        problems.push({ path: key, message: 'cannot be used together with "schema"' });
    }
  }
  manifest.schema?.forEach(({ description, metadata }, i) => {
    if (description && metadata?.['KBC.description'] !== undefined) {
      problems.push({
        path: `schema.${i}.description`,
        message: 'cannot be used together with metadata "KBC.description"',
      });
    }
  });
  if (manifest.description && manifest.table_metadata?.['KBC.description'] !== undefined) {
    problems.push({ path: 'description', message: 'cannot be used together with table_metadata "KBC.description"' });
  }
  for (const key of ['delete_where_column', 'delete_where_values', 'delete_where'] as const) {
    if ((manifest[key] ?? '').length > 0) problems.push({ path: key, message: 'is not supported yet' });
  }
  if (manifest.unload_strategy)
    problems.push({ path: 'unload_strategy', message: 'is not supported: there are no workspaces' });
  if (manifest.deduplication_strategy === 'insert')
    problems.push({ path: 'deduplication_strategy', message: '"insert" is not supported yet' });
  return problems;
}
