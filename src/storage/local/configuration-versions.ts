import { UserError } from '../../base/errors.ts';
import { parseJson, stringifyJson } from '../../base/json.ts';
import { mapSecrets, secretText } from '../../base/secrets.ts';
import type { Catalogue } from './catalogue.ts';
import type { Secrets } from './components.ts';
import {
  type ConfigurationDetail,
  type ConfigurationKey,
  existingConfiguration,
  type RowDetail,
  type VersionReason,
} from './configuration-store.ts';
import { changeConfiguration } from './configurations.ts';
import { isoTime } from './times.ts';

export interface VersionSummary {
  readonly version: string;
  readonly created: string;
  /** Description of the token that made it; empty in versions from before that was kept. */
  readonly author: string;
  readonly changeDescription: string;
}

/** What a version holds: everything but states, which have no versions. */
export interface VersionContent {
  readonly name: string;
  readonly description: string;
  readonly isDisabled: boolean;
  /** JSON text, `#` values encrypted. */
  readonly configuration: string;
  readonly rows: readonly Omit<RowDetail, 'state'>[];
}

/** Newest first. @throws UserError when there is no such configuration */
export function listVersions(catalogue: Catalogue, key: ConfigurationKey): readonly VersionSummary[] {
  existingConfiguration(catalogue, key);
  const sql = 'SELECT * FROM configurationVersions WHERE component = ? AND config = ? ORDER BY version DESC';
  return catalogue.all(sql, key.component, key.id).map((row) => ({
    version: String(row.version),
    created: isoTime(row.created as number),
    author: row.author as string,
    changeDescription: row.changeDescription as string,
  }));
}

/** @throws UserError when there is no such configuration or version */
export function versionContent(catalogue: Catalogue, key: ConfigurationKey, version: string): VersionContent {
  const current = existingConfiguration(catalogue, key);
  const found = /^\d{1,15}$/.test(version)
    ? catalogue.one(
        'SELECT content FROM configurationVersions WHERE component = ? AND config = ? AND version = ?',
        ...[key.component, key.id, Number(version)],
      )
    : undefined;
  if (found === undefined) {
    throw new UserError(`configuration "${key.id}" of ${key.component} has no version "${version}"`, {
      hint: `Its versions go from 1 to ${current.version}.`,
    });
  }
  const content = JSON.parse(found.content as string) as Partial<VersionContent> &
    Pick<VersionContent, 'configuration' | 'isDisabled'> & {
      readonly rows: readonly (Partial<RowDetail> & { id: string })[];
    };
  // The first format's versions hold neither names nor descriptions.
  return {
    ...content,
    name: content.name ?? current.name,
    description: content.description ?? current.description,
    rows: content.rows.map((row) => {
      const known = current.rows.find(({ id }) => id === row.id);
      return {
        id: row.id,
        name: row.name ?? known?.name ?? '',
        description: row.description ?? known?.description ?? '',
        isDisabled: row.isDisabled ?? false,
        configuration: row.configuration ?? '{}',
      };
    }),
  };
}

/** Stores what a version holds as the next one. States stay; a row that comes back starts without one. @throws UserError */
export function rollBack(
  catalogue: Catalogue,
  secrets: Secrets,
  key: ConfigurationKey,
  { version, ...reason }: VersionReason & { readonly version: string },
): ConfigurationDetail {
  return changeConfiguration(catalogue, secrets, key, () => ({
    changeDescription: `roll back to version ${version}`,
    ...reason,
    ...versionContent(catalogue, key, version),
  }));
}

/** A new configuration with the rows of another, without its states. @throws UserError when the new id is taken */
export function copyConfiguration(
  catalogue: Catalogue,
  secrets: Secrets,
  key: ConfigurationKey,
  {
    to,
    name,
    version,
    ...reason
  }: VersionReason & { readonly to: string; readonly name?: string; readonly version?: string },
): ConfigurationDetail {
  const rescoped = (text: string): string => bindSecrets(text, secrets, { ...key, to });
  return changeConfiguration(catalogue, secrets, { component: key.component, id: to }, (taken) => {
    if (taken !== undefined)
      throw new UserError(`there is a configuration "${to}" of ${key.component} already`, { hint: 'Name another id.' });
    const source = versionContent(catalogue, key, version ?? existingConfiguration(catalogue, key).version);
    return {
      changeDescription: `copy of configuration ${key.id}`,
      ...reason,
      ...source,
      name: name ?? source.name,
      configuration: rescoped(source.configuration),
      rows: source.rows.map((row) => ({ ...row, configuration: rescoped(row.configuration) })),
    };
  });
}

/** Values that only the old configuration can open are encrypted for the new one. */
function bindSecrets(
  text: string,
  { cipher, project }: Secrets,
  { component, id, to }: ConfigurationKey & { readonly to: string },
): string {
  return stringifyJson(
    mapSecrets(parseJson(text), (value) => {
      const secret = secretText(value);
      if (!secret.startsWith('KBC::ConfigSecure::')) return value;
      const plain = cipher.decrypt(secret, { component, project, config: id });
      return cipher.encrypt(plain, { kind: 'ConfigSecure', component, project, config: to });
    }),
  );
}

/** Puts a configuration into the trash: jobs no longer find it. @throws UserError when there is none */
export function trashConfiguration(catalogue: Catalogue, key: ConfigurationKey): void {
  catalogue.write(() => {
    existingConfiguration(catalogue, key);
    const sql = 'UPDATE configurations SET deleted = ? WHERE component = ? AND id = ?';
    catalogue.run(sql, Date.now(), key.component, key.id);
  });
}

/** Takes a configuration out of the trash, as it was. @throws UserError when it is not there */
export function restoreConfiguration(catalogue: Catalogue, { component, id }: ConfigurationKey): void {
  const sql = 'UPDATE configurations SET deleted = NULL WHERE component = ? AND id = ? AND deleted IS NOT NULL';
  if (catalogue.run(sql, component, id).changes > 0) return;
  throw new UserError(`no configuration "${id}" of ${component} is in the trash`, {
    hint: 'See `componentd config ls --deleted`.',
  });
}

/** Removes a configuration with rows, states and versions, in the trash or not. @throws UserError when there is none */
export function purgeConfiguration(catalogue: Catalogue, { component, id }: ConfigurationKey): void {
  if (catalogue.run('DELETE FROM configurations WHERE component = ? AND id = ?', component, id).changes > 0) return;
  throw new UserError(`there is no configuration "${id}" of ${component}`, { hint: 'See `componentd config ls`.' });
}
