import { stringifyJson } from '../base/json.ts';
import type { Need } from '../job/storage.ts';
import { safeJson } from '../sinks/format.ts';
import {
  type ConfigurationKey,
  existingConfiguration,
  listConfigurations,
} from '../storage/local/configuration-store.ts';
import {
  copyConfiguration,
  listVersions,
  purgeConfiguration,
  restoreConfiguration,
  rollBack,
  trashConfiguration,
  versionContent,
} from '../storage/local/configuration-versions.ts';
import { changeConfiguration } from '../storage/local/configurations.ts';
import { readInput } from './component.ts';
import { documentOf, versionDocument } from './config-document.ts';
import { readConfiguration } from './configuration-file.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

export interface Message {
  readonly message?: string | undefined;
}

export interface SetOptions extends Message {
  readonly name?: string;
  readonly description?: string;
}

export interface CopyOptions {
  readonly name?: string;
  readonly version?: string;
}

const toRead: Need = { on: 'configurations', to: 'read' };
const toWrite: Need = { on: 'configurations', to: 'write' };

/** Stores a configuration as its next version. */
export async function set(
  key: ConfigurationKey,
  { file, message, ...labels }: SetOptions & { readonly file: string },
  session: Session,
): Promise<void> {
  const { content, source } = await readInput(file);
  const read = await readConfiguration(content, source);
  await withProject(session.config, async ({ storage }) => {
    const change = { ...read, ...labels, changeDescription: message ?? '', author: storage.token.description };
    const stored = storage.change(toWrite, ({ catalogue, secrets }) =>
      changeConfiguration(catalogue, secrets, key, () => change),
    );
    tell(key, stored, session);
    if (session.json || session.quiet || storage.refusal({ on: 'components', to: 'read' }) !== undefined) return;
    if ((await storage.component(key.component)) === undefined)
      print(`  warning: there is no component ${shown(key.component)} yet; see \`componentd component ls\``);
  });
}

/** Prints a configuration, or what one of its versions holds. */
export async function show(
  key: ConfigurationKey,
  version: string | undefined,
  { config, json }: Session,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor(toRead);
    const document =
      version === undefined
        ? documentOf(key.component, existingConfiguration(catalogue, key))
        : versionDocument(key, version, versionContent(catalogue, key, version));
    print(safeJson(stringifyJson(json ? new Map([['type', 'result'], ...document]) : document, json ? 0 : 2)));
  });
}

/** Lists configurations, or the trash. */
export async function list(
  component: string | undefined,
  isDeleted: boolean,
  { config, json }: Session,
): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor(toRead);
    const found = listConfigurations(catalogue, component, { isDeleted });
    if (json) return printJson({ type: 'result', configurations: found });
    if (found.length === 0)
      return print(isDeleted ? 'The trash is empty.' : 'No configurations. Store one with `componentd config set`.');
    printTable(
      ['COMPONENT', 'ID', 'NAME', 'VERSION', 'ROWS', 'DISABLED'],
      found.map((one) => [one.component, one.id, one.name, one.version, String(one.rows), one.isDisabled ? 'yes' : '']),
    );
  });
}

/** Lists versions, newest first. */
export async function versions(key: ConfigurationKey, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue } = storage.partsFor(toRead);
    const found = listVersions(catalogue, key);
    if (json) return printJson({ type: 'result', component: key.component, config: key.id, versions: found });
    printTable(
      ['VERSION', 'CREATED', 'BY', 'WHY'],
      found.map(({ version, created, author, changeDescription }) => [version, created, author, changeDescription]),
    );
  });
}

/** Makes a version the newest one again. */
export async function rollback(
  key: ConfigurationKey,
  { version, message }: Message & { readonly version: string },
  session: Session,
): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    const reason = { author: storage.token.description, ...(message !== undefined && { changeDescription: message }) };
    const stored = storage.change(toWrite, ({ catalogue, secrets }) =>
      rollBack(catalogue, secrets, key, { version, ...reason }),
    );
    tell(key, stored, session);
  });
}

/** Copies a configuration to a new id. */
export async function copy(
  key: ConfigurationKey,
  options: CopyOptions & { readonly to: string },
  session: Session,
): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    const author = storage.token.description;
    const copied = storage.change(toWrite, ({ catalogue, secrets }) =>
      copyConfiguration(catalogue, secrets, key, { ...options, author }),
    );
    tell({ component: key.component, id: options.to }, copied, session);
  });
}

/** Enables or disables a configuration. */
export async function setDisabled(
  key: ConfigurationKey,
  { isDisabled, message }: Message & { readonly isDisabled: boolean },
  session: Session,
): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    const changeDescription = message ?? (isDisabled ? 'disable' : 'enable');
    const change = { isDisabled, changeDescription, author: storage.token.description };
    const stored = storage.change(toWrite, ({ catalogue, secrets }) => {
      existingConfiguration(catalogue, key);
      return changeConfiguration(catalogue, secrets, key, () => change);
    });
    tell(key, stored, session);
  });
}

/** Puts a configuration into the trash, or removes it for good. */
export async function remove(key: ConfigurationKey, isForGood: boolean, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    storage.change(toWrite, ({ catalogue }) =>
      isForGood ? purgeConfiguration(catalogue, key) : trashConfiguration(catalogue, key),
    );
    const about = `configuration ${shown(key.id)} of ${shown(key.component)}`;
    if (json) printJson({ type: 'result', component: key.component, config: key.id, isPurged: isForGood });
    else if (isForGood) print(`removed ${about} for good`);
    else print(`put ${about} into the trash; \`componentd config restore\` brings it back`);
  });
}

/** Takes a configuration out of the trash. */
export async function restore(key: ConfigurationKey, session: Session): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    const { version } = storage.change(toWrite, ({ catalogue }) => {
      restoreConfiguration(catalogue, key);
      return existingConfiguration(catalogue, key);
    });
    if (session.json) printJson({ type: 'result', component: key.component, config: key.id, version });
    else print(`restored configuration ${shown(key.id)} of ${shown(key.component)}`);
  });
}

/** Says that a configuration has a new version. */
export function tell(key: ConfigurationKey, { version }: { readonly version: string }, { json }: Session): void {
  if (json) printJson({ type: 'result', component: key.component, config: key.id, version });
  else print(`stored version ${version} of configuration ${shown(key.id)} of ${shown(key.component)}`);
}
