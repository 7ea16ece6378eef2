import { UserError } from '../../base/errors.ts';
import { stringifyJson } from '../../base/json.ts';
import type { StoredConfiguration } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import { parsedObject, type Secrets } from './components.ts';

/** A row as it is to be stored; what is absent keeps its value, or its default in a new row. */
export interface RowInput {
  readonly id: string;
  readonly isDisabled?: boolean;
  /** JSON text. */
  readonly configuration?: string;
  readonly state?: string;
}

/** A configuration as it is to be stored; what is absent keeps its value, or its default in a new configuration. */
export interface ConfigurationInput {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly isDisabled?: boolean;
  /** JSON text. */
  readonly configuration?: string;
  readonly state?: string;
  /** Replaces all rows; rows that stay keep their state unless one is given. */
  readonly rows?: readonly RowInput[];
  readonly changeDescription?: string;
}

export interface ConfigurationSummary {
  readonly component: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly isDisabled: boolean;
  readonly rows: number;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Stores a configuration as its next version, `#` values encrypted; returns it as stored. @throws UserError, nothing is changed then */
export function setConfiguration(
  catalogue: Catalogue,
  secrets: Secrets,
  component: string,
  input: ConfigurationInput,
): StoredConfiguration {
  const where = `configuration "${input.id}" of ${component}`;
  for (const { id } of [input, ...(input.rows ?? [])]) {
    if (idPattern.test(id)) continue;
    throw new UserError(`${JSON.stringify(id)} is not an id`, { hint: 'Use letters, digits, ".", "_" and "-".' });
  }
  const encrypted = (text: string, what: string): string => {
    const tree = parsedObject(text, `${where}${what}`);
    return stringifyJson(
      secrets.cipher.encryptTree(tree, { kind: 'ProjectSecure', component, project: secrets.project }),
    );
  };
  return catalogue.write(() => {
    const before = getConfiguration(catalogue, component, input.id);
    const stored: StoredConfiguration = {
      id: input.id,
      name: input.name ?? before?.name ?? input.id,
      version: String(Number(before?.version ?? 0) + 1),
      isDisabled: input.isDisabled ?? before?.isDisabled ?? false,
      configuration: encrypted(input.configuration ?? before?.configuration ?? '{}', ''),
      state: encrypted(input.state ?? before?.state ?? '{}', ', state'),
      rows: (input.rows ?? before?.rows ?? []).map((row) => {
        const earlier = before?.rows.find(({ id }) => id === row.id);
        return {
          id: row.id,
          isDisabled: row.isDisabled ?? earlier?.isDisabled ?? false,
          configuration: encrypted(row.configuration ?? earlier?.configuration ?? '{}', `, row "${row.id}"`),
          state: encrypted(row.state ?? earlier?.state ?? '{}', `, state of row "${row.id}"`),
        };
      }),
    };
    write(catalogue, component, stored, input);
    return stored;
  });
}

export function getConfiguration(catalogue: Catalogue, component: string, id: string): StoredConfiguration | undefined {
  const row = catalogue.one('SELECT * FROM configurations WHERE component = ? AND id = ?', component, id);
  if (row === undefined) return undefined;
  const sql = 'SELECT * FROM configurationRows WHERE component = ? AND config = ? ORDER BY position';
  return {
    id,
    name: row.name as string,
    version: String(row.version),
    ...contentOf(row),
    rows: catalogue.all(sql, component, id).map((item) => ({ id: item.id as string, ...contentOf(item) })),
  };
}

/** All configurations, or those of a component, by component and id. */
export function listConfigurations(catalogue: Catalogue, component?: string): readonly ConfigurationSummary[] {
  const sql = `SELECT *, (SELECT count(*) FROM configurationRows r WHERE r.component = c.component AND r.config = c.id) AS rowCount
    FROM configurations c WHERE ? IS NULL OR component = ? ORDER BY component, id`;
  return catalogue.all(sql, component ?? null, component ?? null).map((row) => ({
    component: row.component as string,
    id: row.id as string,
    name: row.name as string,
    version: String(row.version),
    isDisabled: row.isDisabled === 1,
    rows: row.rowCount as number,
  }));
}

function contentOf(row: Row): Pick<StoredConfiguration, 'isDisabled' | 'configuration' | 'state'> {
  return {
    isDisabled: row.isDisabled === 1,
    configuration: row.configuration as string,
    state: row.state as string,
  };
}

function write(catalogue: Catalogue, component: string, stored: StoredConfiguration, input: ConfigurationInput): void {
  const now = Date.now();
  catalogue.run(
    `INSERT INTO configurations (component, id, name, description, version, isDisabled, configuration, state, created)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, version = excluded.version,
     description = coalesce(?, description), isDisabled = excluded.isDisabled, configuration = excluded.configuration, state = excluded.state`,
    component,
    stored.id,
    stored.name,
    input.description ?? '',
    Number(stored.version),
    Number(stored.isDisabled),
    stored.configuration,
    stored.state,
    now,
    input.description ?? null,
  );
  catalogue.run('DELETE FROM configurationRows WHERE component = ? AND config = ?', component, stored.id);
  for (const [position, row] of stored.rows.entries()) {
    const values = [component, stored.id, row.id, position, Number(row.isDisabled), row.configuration, row.state];
    catalogue.run(
      'INSERT INTO configurationRows (component, config, id, position, isDisabled, configuration, state) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...values,
    );
  }
  const { configuration, isDisabled, rows } = stored;
  const content = JSON.stringify({ configuration, isDisabled, rows: rows.map(({ state: _, ...row }) => row) });
  const change = input.changeDescription ?? '';
  const values = [component, stored.id, Number(stored.version), content, change, now];
  catalogue.run(
    'INSERT INTO configurationVersions (component, config, version, content, changeDescription, created) VALUES (?, ?, ?, ?, ?, ?)',
    ...values,
  );
}
