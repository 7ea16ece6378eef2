import { isJsonObject, parseJson, stringifyJson } from '../../base/json.ts';
import type { StateUpdate } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';

/**
 * Replaces the given roots of a stored state and keeps the others, in place. A configuration or row that is gone meanwhile gives a
 * warning. Inside a transaction of the caller.
 */
export function updateState(catalogue: Catalogue, { component, config, row, roots }: StateUpdate): readonly string[] {
  const keys = row === undefined ? [component, config] : [component, config, row];
  const [table, where] =
    row === undefined
      ? ['configurations', 'component = ? AND id = ?']
      : ['configurationRows', 'component = ? AND config = ? AND id = ?'];
  const stored = catalogue.one(`SELECT state FROM ${table} WHERE ${where}`, ...keys);
  if (stored === undefined) {
    const what = row === undefined ? '' : ` with row "${row}"`;
    return [`the configuration "${config}"${what} of ${component} is gone, its state is not stored`];
  }
  const before = parseJson(stored.state as string);
  // The empty list is what PHP writes for an empty object.
  const after = new Map(isJsonObject(before) ? before : []);
  for (const [root, text] of Object.entries(roots)) after.set(root, parseJson(text));
  catalogue.run(`UPDATE ${table} SET state = ? WHERE ${where}`, stringifyJson(after), ...keys);
  return [];
}
