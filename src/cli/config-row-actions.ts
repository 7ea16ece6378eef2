import { UsageError, UserError } from '../base/errors.ts';
import { type Json, parseJson, stringifyJson } from '../base/json.ts';
import { normalizeConfiguration } from '../job/configuration.ts';
import { selectRows } from '../job/rows.ts';
import { safeJson } from '../sinks/format.ts';
import {
  type ConfigurationDetail,
  type ConfigurationKey,
  existingConfiguration,
  type RowDetail,
} from '../storage/local/configuration-store.ts';
import { changeConfiguration, type RowInput } from '../storage/local/configurations.ts';
import { readInput } from './component.ts';
import { rowDocument } from './config-document.ts';
import { parseDocument } from './configuration-file.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

export interface RowKey extends ConfigurationKey {
  readonly row: string;
}

export interface RowOptions {
  readonly name?: string;
  readonly description?: string;
  readonly message?: string;
  readonly disabled?: boolean;
}

/** At most one of them. */
export interface RowPlace {
  readonly to?: string;
  readonly before?: string;
  readonly after?: string;
}

export async function add(
  key: RowKey,
  options: RowOptions & RowPlace & { readonly file: string },
  session: Session,
): Promise<void> {
  const { content, source } = await readInput(options.file);
  const configuration = stringifyJson(parseDocument(content, source));
  await change(key, { message: options.message ?? `add row ${key.row}`, source }, session, (before) => {
    if (before.rows.some(({ id }) => id === key.row)) {
      const hint = 'Change it with `componentd config row set`, or name another id.';
      throw new UserError(`configuration "${key.id}" of ${key.component} has a row "${key.row}" already`, { hint });
    }
    const added = { id: key.row, ...labelsOf(options), isDisabled: options.disabled === true, configuration };
    return placed(before.rows, key.row, options).map((id) => (id === key.row ? added : { id }));
  });
}

export async function set(
  key: RowKey,
  { file, message, ...labels }: RowOptions & { readonly file: string | undefined },
  session: Session,
): Promise<void> {
  const { content, source } = file === undefined ? { content: undefined, source: key.row } : await readInput(file);
  const configuration = content === undefined ? undefined : stringifyJson(parseDocument(content, source));
  const text = labelsOf(labels);
  if (configuration === undefined && Object.keys(text).length === 0)
    throw new UsageError('nothing is to be changed', { hint: 'Give a file, --name or --description.' });
  await change(key, { message: message ?? `change row ${key.row}`, source }, session, (before) =>
    replaced(before.rows, rowIn(before, key), { ...text, ...(configuration !== undefined && { configuration }) }),
  );
}

export async function remove(key: RowKey, { message }: RowOptions, session: Session): Promise<void> {
  await change(key, { message: message ?? `remove row ${key.row}` }, session, (before) => {
    const gone = rowIn(before, key);
    return before.rows.filter((row) => row !== gone).map(({ id }) => ({ id }));
  });
}

export async function move(key: RowKey, { message, ...place }: RowOptions & RowPlace, session: Session): Promise<void> {
  if (place.to === undefined && place.before === undefined && place.after === undefined)
    throw new UsageError('where to?', { hint: 'Give --to, --before or --after.' });
  await change(key, { message: message ?? `move row ${key.row}` }, session, (before) =>
    placed(before.rows, rowIn(before, key).id, place).map((id) => ({ id })),
  );
}

export async function setDisabled(
  key: RowKey,
  { isDisabled, message }: RowOptions & { readonly isDisabled: boolean },
  session: Session,
): Promise<void> {
  const why = message ?? `${isDisabled ? 'disable' : 'enable'} row ${key.row}`;
  await change(key, { message: why }, session, (before) => replaced(before.rows, rowIn(before, key), { isDisabled }));
}

/** Prints one row. */
export async function show(key: RowKey, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor({ on: 'configurations', to: 'read' });
    const row = rowDocument(rowIn(existingConfiguration(catalogue, key), key));
    const about: [string, Json][] = [
      ['type', 'result'],
      ['component', key.component],
      ['config', key.id],
      ['row', row],
    ];
    print(safeJson(json ? stringifyJson(new Map(about)) : stringifyJson(row, 2)));
  });
}

/** Lists the rows in their order. */
export async function list(key: ConfigurationKey, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor({ on: 'configurations', to: 'read' });
    const { rows } = existingConfiguration(catalogue, key);
    const listed = rows.map(({ id, name, description, isDisabled }) => ({ id, name, description, isDisabled }));
    if (json) return printJson({ type: 'result', component: key.component, config: key.id, rows: listed });
    if (rows.length === 0) return print('No rows. Add one with `componentd config row add`.');
    printTable(
      ['', 'ROW', 'NAME', 'DISABLED'],
      rows.map(({ id, name, isDisabled }, index) => [String(index + 1), id, name, isDisabled ? 'yes' : '']),
    );
  });
}

/** Stores the configuration with other rows, when all of them could run. */
async function change(
  key: RowKey,
  { message, source }: { readonly message: string; readonly source?: string },
  { config, json }: Session,
  make: (before: ConfigurationDetail) => readonly RowInput[],
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const author = storage.token.description;
    const stored = storage.change({ on: 'configurations', to: 'write' }, ({ catalogue, secrets }) => {
      const before = existingConfiguration(catalogue, key);
      const rows = make(before);
      const changed = rows.find(({ id }) => id === key.row);
      if (source !== undefined) validate(before.configuration, changed, source);
      return changeConfiguration(catalogue, secrets, key, () => ({ rows, changeDescription: message, author }));
    });
    if (json)
      printJson({ type: 'result', component: key.component, config: key.id, row: key.row, version: stored.version });
    else print(`stored version ${stored.version} of configuration ${shown(key.id)} of ${shown(key.component)}`);
  });
}

/** What would run of the changed row. @throws UserError with every problem */
function validate(configuration: string, row: RowInput | undefined, source: string): void {
  if (row === undefined) return;
  const rows = [
    { id: row.id, isDisabled: false, configuration: parseJson(row.configuration ?? '{}'), state: new Map() },
  ];
  const selected = selectRows({ configuration: parseJson(configuration), state: new Map(), rows, rowIds: [] });
  for (const { configuration } of selected.rows) normalizeConfiguration(configuration, source);
}

function rowIn(configuration: ConfigurationDetail, { row, component }: RowKey): RowDetail {
  const found = configuration.rows.find(({ id }) => id === row);
  if (found !== undefined) return found;
  const known = configuration.rows.map(({ id }) => id).join(', ');
  throw new UserError(`configuration "${configuration.id}" of ${component} has no row "${row}"`, {
    hint: known === '' ? 'It has no rows.' : `Its rows are ${known}.`,
  });
}

function labelsOf({ name, description }: RowOptions): Pick<RowOptions, 'name' | 'description'> {
  return { ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
}

function replaced(rows: readonly RowDetail[], row: RowDetail, change: Partial<RowInput>): readonly RowInput[] {
  return rows.map(({ id }) => (id === row.id ? { id, ...change } : { id }));
}

/** The ids with one of them at its place. @throws UsageError for a place that is none */
function placed(rows: readonly RowDetail[], row: string, { to, before, after }: RowPlace): readonly string[] {
  if ([to, before, after].filter((place) => place !== undefined).length > 1)
    throw new UsageError('a row has one place', { hint: 'Give one of --to, --before and --after.' });
  const others = rows.map(({ id }) => id).filter((id) => id !== row);
  const neighbour = before ?? after;
  if (neighbour === undefined) return others.toSpliced(positionOf(to, others.length + 1), 0, row);
  const index = others.indexOf(neighbour);
  if (index === -1)
    throw new UserError(`there is no other row "${neighbour}"`, { hint: `The other rows are ${others.join(', ')}.` });
  return others.toSpliced(after === undefined ? index : index + 1, 0, row);
}

function positionOf(to: string | undefined, count: number): number {
  if (to === undefined) return count - 1;
  if (/^\d{1,6}$/.test(to) && Number(to) >= 1 && Number(to) <= count) return Number(to) - 1;
  throw new UsageError(`--to needs a position from 1 to ${count}, not "${to}"`);
}
