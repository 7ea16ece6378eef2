import { type Problem, throwProblems } from '../../base/errors.ts';
import { stringifyJson } from '../../base/json.ts';
import type { Catalogue } from './catalogue.ts';
import { parsedObject, type Secrets } from './components.ts';
import {
  type ConfigurationDetail,
  type ConfigurationKey,
  getConfiguration,
  refuseTrashed,
  type VersionReason,
  writeConfiguration,
} from './configuration-store.ts';
import { isoTime } from './times.ts';

/** A row as it is to be stored; what is absent keeps its value, or its default in a new row. */
export interface RowInput {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly isDisabled?: boolean;
  /** JSON text. */
  readonly configuration?: string;
  readonly state?: string;
}

/** What is to be stored of a configuration; what is absent keeps its value, or its default in a new configuration. */
export interface ConfigurationChange extends VersionReason {
  readonly name?: string;
  readonly description?: string;
  readonly isDisabled?: boolean;
  /** JSON text. */
  readonly configuration?: string;
  readonly state?: string;
  /** Replaces all rows, in this order; rows that stay keep their state unless one is given. */
  readonly rows?: readonly RowInput[];
}

export interface ConfigurationInput extends ConfigurationChange {
  readonly id: string;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Stores a configuration as its next version, `#` values encrypted; returns it as stored. @throws UserError, nothing is changed then */
export function setConfiguration(
  catalogue: Catalogue,
  secrets: Secrets,
  component: string,
  { id, ...change }: ConfigurationInput,
): ConfigurationDetail {
  return changeConfiguration(catalogue, secrets, { component, id }, () => change);
}

/** The same, with a change that is made of what is there, alone among all writers. */
export function changeConfiguration(
  catalogue: Catalogue,
  secrets: Secrets,
  key: ConfigurationKey,
  make: (before: ConfigurationDetail | undefined) => ConfigurationChange,
): ConfigurationDetail {
  const { component, id } = key;
  return catalogue.write(() => {
    const before = getConfiguration(catalogue, component, id);
    const change = make(before);
    refuseIds(id, change.rows ?? []);
    if (before === undefined) refuseTrashed(catalogue, key);
    const stored = merged(key, { before, change, secrets });
    writeConfiguration(catalogue, component, stored, change);
    return stored;
  });
}

/** What was there, changed; without a change of its own a value stays byte for byte. */
function merged(
  { component, id }: ConfigurationKey,
  {
    before,
    change,
    secrets,
  }: {
    readonly before: ConfigurationDetail | undefined;
    readonly change: ConfigurationChange;
    readonly secrets: Secrets;
  },
): ConfigurationDetail {
  const where = `configuration "${id}" of ${component}`;
  const scope = { kind: 'ProjectSecure', component, project: secrets.project } as const;
  const text = (given: string | undefined, known: string | undefined, what: string): string =>
    given === undefined
      ? (known ?? '{}')
      : stringifyJson(secrets.cipher.encryptTree(parsedObject(given, `${where}${what}`), scope));
  return {
    id,
    name: change.name ?? before?.name ?? id,
    description: change.description ?? before?.description ?? '',
    version: String(Number(before?.version ?? 0) + 1),
    created: before?.created ?? isoTime(Date.now()),
    isDisabled: change.isDisabled ?? before?.isDisabled ?? false,
    configuration: text(change.configuration, before?.configuration, ''),
    state: text(change.state, before?.state, ', state'),
    rows: (change.rows ?? before?.rows ?? []).map((row) => {
      const earlier = before?.rows.find((known) => known.id === row.id);
      return {
        id: row.id,
        name: row.name ?? earlier?.name ?? '',
        description: row.description ?? earlier?.description ?? '',
        isDisabled: row.isDisabled ?? earlier?.isDisabled ?? false,
        configuration: text(row.configuration, earlier?.configuration, `, row "${row.id}"`),
        state: text(row.state, earlier?.state, `, state of row "${row.id}"`),
      };
    }),
  };
}

function refuseIds(id: string, rows: readonly RowInput[]): void {
  const wrong = [id, ...rows.map((row) => row.id)].filter((one) => !idPattern.test(one));
  const twice = new Set(rows.map((row) => row.id).filter((one, index, all) => all.indexOf(one) !== index));
  throwProblems('The configuration is wrong', [
    ...wrong.map(
      (one): Problem => ({
        message: `${JSON.stringify(one)} is not an id`,
        hint: 'use letters, digits, ".", "_" and "-"',
      }),
    ),
    ...Array.from(
      twice,
      (one): Problem => ({
        message: `the row "${one}" is there more than once`,
        hint: 'give every row an id of its own',
      }),
    ),
  ]);
}
