import type { Problem } from '../base/errors.ts';
import { at, isJsonArray, isJsonObject, isScalar, type Json } from '../base/json.ts';
import { textOf } from '../base/schema.ts';
import { bucketOf } from './missing-rights.ts';
import type { Storage } from './storage.ts';

/**
 * Tables and files that the input mapping names and Storage does not have, or the job's token may not read. Looks at every item that says a name, whatever else is wrong with
 * the configuration; `source` names the document in problems.
 */
export async function missingInputs(
  configuration: Json,
  source: string,
  storage: Pick<Storage, 'table' | 'findFiles' | 'refusal'>,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const report = (path: string, message: string, hint = 'see `componentd storage ls`'): unknown =>
    problems.push({ source, path: `container.storage.input.${path}`, message, hint });
  for (const [index, item] of itemsOf(configuration, 'tables')) {
    const id = at(item, 'source');
    if (typeof id !== 'string' || id === '') continue;
    const bucket = bucketOf(id);
    const refusal = bucket === undefined ? undefined : storage.refusal({ on: 'bucket', bucket, to: 'read' });
    if (refusal !== undefined) report(`tables.${index}.source`, refusal.message, refusal.hint);
    else if (bucket === undefined || (await storage.table(id)) === undefined)
      report(`tables.${index}.source`, `there is no table "${id}"`);
  }
  for (const [index, item] of itemsOf(configuration, 'files')) {
    const ids = listOf(at(item, 'file_ids')).flatMap(idOf);
    if (ids.length === 0) continue;
    const known = new Set((await storage.findFiles({ ids, limit: ids.length })).map(({ id }) => id));
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length > 0) report(`files.${index}.file_ids`, `there is no file ${missing.join(', ')}`);
  }
  return problems;
}

function idOf(json: Json): number[] {
  const id = isScalar(json) && json !== null ? Number(textOf(json)) : Number.NaN;
  return Number.isSafeInteger(id) ? [id] : [];
}

function itemsOf(configuration: Json, kind: 'tables' | 'files'): Iterable<[number, Json]> {
  return listOf(at(configuration, 'storage', 'input', kind)).entries();
}

function listOf(json: Json | undefined): readonly Json[] {
  return isJsonArray(json) ? json : isJsonObject(json) ? [...json.values()] : [];
}
