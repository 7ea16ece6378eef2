import { UserError } from '../../base/errors.ts';
import type { StoredConfiguration, StoredRow } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import { isoTime } from './times.ts';

/** Which configuration. */
export interface ConfigurationKey {
  readonly component: string;
  readonly id: string;
}

export interface RowDetail extends StoredRow {
  readonly name: string;
  readonly description: string;
}

/** Why and by whom, for the list of versions. */
export interface VersionReason {
  readonly changeDescription?: string;
  /** Description of a token. */
  readonly author?: string;
}

/** All there is to a configuration. */
export interface ConfigurationDetail extends StoredConfiguration {
  readonly description: string;
  readonly created: string;
  readonly rows: readonly RowDetail[];
}

export interface ConfigurationSummary {
  readonly component: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly isDisabled: boolean;
  readonly rows: number;
}

/** A configuration that is not in the trash. */
export function getConfiguration(catalogue: Catalogue, component: string, id: string): ConfigurationDetail | undefined {
  const row = catalogue.one(
    'SELECT * FROM configurations WHERE component = ? AND id = ? AND deleted IS NULL',
    component,
    id,
  );
  if (row === undefined) return undefined;
  const sql = 'SELECT * FROM configurationRows WHERE component = ? AND config = ? ORDER BY position';
  return {
    id,
    version: String(row.version),
    created: isoTime(row.created as number),
    ...contentOf(row),
    rows: catalogue.all(sql, component, id).map((item) => ({ id: item.id as string, ...contentOf(item) })),
  };
}

/** @throws UserError when there is none, or it is in the trash */
export function existingConfiguration(catalogue: Catalogue, { component, id }: ConfigurationKey): ConfigurationDetail {
  const found = getConfiguration(catalogue, component, id);
  if (found !== undefined) return found;
  refuseTrashed(catalogue, { component, id });
  throw new UserError(`there is no configuration "${id}" of ${component}`, { hint: 'See `componentd config ls`.' });
}

/** All configurations, or those of a component, by component and id; with `isDeleted` those in the trash. */
export function listConfigurations(
  catalogue: Catalogue,
  component?: string,
  { isDeleted = false }: { readonly isDeleted?: boolean } = {},
): readonly ConfigurationSummary[] {
  const sql = `SELECT *, (SELECT count(*) FROM configurationRows r WHERE r.component = c.component AND r.config = c.id) AS rowCount
    FROM configurations c WHERE (? IS NULL OR component = ?) AND (deleted IS NOT NULL) = ? ORDER BY component, id`;
  return catalogue.all(sql, component ?? null, component ?? null, Number(isDeleted)).map((row) => ({
    component: row.component as string,
    id: row.id as string,
    name: row.name as string,
    version: String(row.version),
    isDisabled: row.isDisabled === 1,
    rows: row.rowCount as number,
  }));
}

/** Tells somebody who looks for a configuration, or wants its id, that it lies in the trash. */
export function refuseTrashed(catalogue: Catalogue, { component, id }: ConfigurationKey): void {
  if (catalogue.one('SELECT 1 FROM configurations WHERE component = ? AND id = ?', component, id) === undefined) return;
  throw new UserError(`configuration "${id}" of ${component} is in the trash`, {
    hint: 'Bring it back with `componentd config restore`, or remove it for good with `componentd config rm --force`.',
  });
}

/** Writes a configuration over what was there, and its content as a version. Inside a transaction of the caller. */
export function writeConfiguration(
  catalogue: Catalogue,
  component: string,
  stored: ConfigurationDetail,
  { changeDescription = '', author = '' }: VersionReason,
): void {
  const now = Date.now();
  const { id, name, description, version, isDisabled, configuration, state, rows } = stored;
  catalogue.run(
    `INSERT INTO configurations (component, id, name, description, version, isDisabled, configuration, state, created)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, version = excluded.version,
     description = excluded.description, isDisabled = excluded.isDisabled, configuration = excluded.configuration, state = excluded.state`,
    ...[component, id, name, description, Number(version), Number(isDisabled), configuration, state, now],
  );
  catalogue.run('DELETE FROM configurationRows WHERE component = ? AND config = ?', component, id);
  for (const [position, row] of rows.entries()) {
    catalogue.run(
      `INSERT INTO configurationRows (component, config, id, position, name, description, isDisabled, configuration, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[
        component,
        id,
        row.id,
        position,
        row.name,
        row.description,
        Number(row.isDisabled),
        row.configuration,
        row.state,
      ],
    );
  }
  const content = { name, description, configuration, isDisabled, rows: rows.map(({ state: _, ...row }) => row) };
  catalogue.run(
    `INSERT INTO configurationVersions (component, config, version, content, changeDescription, author, created)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ...[component, id, Number(version), JSON.stringify(content), changeDescription, author, now],
  );
}

function contentOf(row: Row): Omit<RowDetail, 'id'> {
  return {
    name: row.name as string,
    description: row.description as string,
    isDisabled: row.isDisabled === 1,
    configuration: row.configuration as string,
    state: row.state as string,
  };
}
