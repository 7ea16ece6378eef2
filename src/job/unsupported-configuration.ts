import type { Problem } from '../base/errors.ts';
import { isJsonArray, isJsonObject, type Json } from '../base/json.ts';
import type { InputFile, InputTable, NormalConfiguration, OutputTable } from './configuration.ts';
import type { ComponentDefinition } from './definition.ts';

type Refuse = (path: string, message: string, hint?: string) => void;

const notYet = 'is not supported yet';

/** What a configuration asks for and this version does not do; paths begin with `container`. */
export function configurationGaps(
  { plain, document, input, output }: NormalConfiguration,
  component: ComponentDefinition,
): readonly Problem[] {
  const problems: Problem[] = [];
  const below =
    (...parts: readonly string[]): Refuse =>
    (path, message, hint) => {
      problems.push({ path: ['container', ...parts, path].join('.'), message, ...(hint !== undefined && { hint }) });
    };
  const refuse = below();
  if (plain.variables_id) refuse('variables_id', notYet, 'write the values into the configuration');
  if (plain.shared_code_id && (plain.shared_code_row_ids ?? []).length > 0)
    refuse('shared_code_id', notYet, 'write the code into the configuration');
  for (const path of vaultReferences(document, 'container'))
    problems.push({ path, message: `a vault variable ${notYet}`, hint: 'use a "#" value' });
  const { oauth_api: oauth, app_proxy: proxy } = plain.authorization ?? {};
  if (oauth?.id || oauth?.credentials !== undefined) refuse('authorization.oauth_api', notYet);
  if (proxy !== undefined) refuse('authorization.app_proxy', notYet, 'data apps are not there');
  for (const kind of ['runs', 'custom', 'shared'] as const) {
    if (plain.artifacts?.[kind]?.enabled === true) refuse(`artifacts.${kind}`, notYet, 'disable it');
  }
  const { runtime } = plain;
  if (runtime?.use_file_storage_only === true && component.features.includes('allow-use-file-storage-only'))
    refuse('runtime.use_file_storage_only', notYet);
  if (runtime?.backend?.workspace_credentials !== undefined) refuse('runtime.backend.workspace_credentials', notYet);
  for (const [i, table] of input.tables.entries()) refuseInputTable(table, below('storage.input.tables', String(i)));
  for (const [i, file] of input.files.entries()) refuseInputFile(file, below('storage.input.files', String(i)));
  for (const [i, table] of output.tables.entries()) refuseOutputTable(table, below('storage.output.tables', String(i)));
  return problems;
}

function refuseInputTable(table: InputTable, refuse: Refuse): void {
  if (table.source_branch_id !== undefined && table.source_branch_id !== null)
    refuse('source_branch_id', notYet, 'there is only the default branch');
  if (table.changed_since === 'adaptive')
    refuse('changed_since', `"adaptive" ${notYet}`, 'write a moment, for example "-2 days"');
  if (table.file_type === 'parquet') refuse('file_type', `"parquet" ${notYet}`, 'use "csv"');
  table.column_types?.forEach(({ source: _, ...typing }, i) => {
    const [key] = Object.entries(typing).find(([, value]) => value !== null && value !== '') ?? [];
    if (key !== undefined)
      refuse(`column_types.${i}.${key}`, notYet, 'every value is text; name the columns in "columns"');
  });
}

function refuseInputFile(file: InputFile, refuse: Refuse): void {
  if (file.query) refuse('query', notYet, 'use "tags"');
  if (file.changed_since === 'adaptive')
    refuse('changed_since', `"adaptive" ${notYet}`, 'write a moment, for example "-2 days"');
  if (file.overwrite === false) refuse('overwrite', `false ${notYet}`, 'leave it out');
}

function refuseOutputTable(table: OutputTable, refuse: Refuse): void {
  for (const key of ['delete_where_column', 'delete_where_values', 'delete_where'] as const) {
    if ((table[key] ?? '').length > 0) refuse(key, notYet);
  }
  if (table.unload_strategy) refuse('unload_strategy', notYet, 'there are no workspaces');
  if (table.deduplication_strategy === 'insert') refuse('deduplication_strategy', `"insert" ${notYet}`);
}

const vaultPattern = /(?<!\{)\{\{ ?vault\.[A-Za-z0-9_-]+ ?\}\}(?!\})/;

function vaultReferences(json: Json, path: string): readonly string[] {
  if (typeof json === 'string') return vaultPattern.test(json) ? [path] : [];
  if (isJsonArray(json)) return json.flatMap((item, i) => vaultReferences(item, `${path}.${i}`));
  if (isJsonObject(json)) return [...json].flatMap(([key, item]) => vaultReferences(item, `${path}.${key}`));
  return [];
}
