import { UserError } from '../../base/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../base/json.ts';
import type { StateUpdate } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import { parsedObject, type Secrets } from './components.ts';
import { type ConfigurationKey, existingConfiguration, getConfiguration } from './configuration-store.ts';

/** Of a configuration, or of one of its rows. */
export interface StateKey extends ConfigurationKey {
  readonly row?: string;
}

/**
 * Replaces the given roots of a stored state and keeps the others, in place. A configuration or row that is gone meanwhile gives a
 * warning. Inside a transaction of the caller.
 */
export function updateState(catalogue: Catalogue, { component, config, row, roots }: StateUpdate): readonly string[] {
  const found = getConfiguration(catalogue, component, config);
  const stored = row === undefined ? found : found?.rows.find(({ id }) => id === row);
  if (stored === undefined) {
    const what = row === undefined ? '' : ` with row "${row}"`;
    return [`the configuration "${config}"${what} of ${component} is gone, its state is not stored`];
  }
  const before = parseJson(stored.state);
  // The empty list is what PHP writes for an empty object.
  const after = new Map(isJsonObject(before) ? before : []);
  for (const [root, text] of Object.entries(roots)) after.set(root, parseJson(text));
  writeState(catalogue, { component, id: config, ...(row !== undefined && { row }) }, stringifyJson(after));
  return [];
}

/** JSON text as stored, `#` values encrypted. @throws UserError when there is no such configuration or row */
export function readState(catalogue: Catalogue, { row, ...key }: StateKey): string {
  const found = existingConfiguration(catalogue, key);
  if (row === undefined) return found.state;
  const stored = found.rows.find(({ id }) => id === row);
  if (stored !== undefined) return stored.state;
  const rows = found.rows.map(({ id }) => id).join(', ');
  throw new UserError(`configuration "${key.id}" of ${key.component} has no row "${row}"`, {
    hint: rows === '' ? 'It has no rows.' : `Its rows are ${rows}.`,
  });
}

/** Replaces a state whole (JSON text, `#` values are encrypted); returns the one before. States have no versions. @throws UserError */
export function replaceState(catalogue: Catalogue, secrets: Secrets, key: StateKey, text: string): string {
  const { component } = key;
  const tree = parsedObject(text, `the state of configuration "${key.id}" of ${component}`);
  const scope = { kind: 'ProjectSecure', component, project: secrets.project } as const;
  return catalogue.write(() => {
    const before = readState(catalogue, key);
    writeState(catalogue, key, stringifyJson(secrets.cipher.encryptTree(tree, scope)));
    return before;
  });
}

function writeState(catalogue: Catalogue, { component, id, row }: StateKey, text: string): void {
  if (row === undefined)
    catalogue.run('UPDATE configurations SET state = ? WHERE component = ? AND id = ?', text, component, id);
  else {
    const sql = 'UPDATE configurationRows SET state = ? WHERE component = ? AND config = ? AND id = ?';
    catalogue.run(sql, text, component, id, row);
  }
}
