import { type Json, type JsonObject, parseJson } from '../base/json.ts';
import type { ConfigurationDetail, ConfigurationKey, RowDetail } from '../storage/local/configuration-store.ts';
import type { VersionContent } from '../storage/local/configuration-versions.ts';

/** A configuration as one document; `config set` takes it back. */
export function documentOf(component: string, detail: ConfigurationDetail): JsonObject {
  const { id, name, description, version, isDisabled, configuration, state, rows } = detail;
  return new Map<string, Json>([
    ['component', component],
    ['id', id],
    ['name', name],
    ['description', description],
    ['version', version],
    ['isDisabled', isDisabled],
    ['configuration', parseJson(configuration)],
    ['state', parseJson(state)],
    ['rows', rows.map(rowDocument)],
  ]);
}

/** A row as a document. */
export function rowDocument(row: Omit<RowDetail, 'state'> & Partial<Pick<RowDetail, 'state'>>): JsonObject {
  const { id, name, description, isDisabled, configuration, state } = row;
  return new Map<string, Json>([
    ['id', id],
    ['name', name],
    ['description', description],
    ['isDisabled', isDisabled],
    ['configuration', parseJson(configuration)],
    ...(state === undefined ? [] : [['state', parseJson(state)] as const]),
  ]);
}

/** What a version holds, as a document. */
export function versionDocument(
  { component, id }: ConfigurationKey,
  version: string,
  content: VersionContent,
): JsonObject {
  const { name, description, isDisabled, configuration, rows } = content;
  return new Map<string, Json>([
    ['component', component],
    ['id', id],
    ['name', name],
    ['description', description],
    ['version', version],
    ['isDisabled', isDisabled],
    ['configuration', parseJson(configuration)],
    ['rows', rows.map(rowDocument)],
  ]);
}
