import type { Cipher } from '../base/cipher.ts';
import { type Problem, throwProblems, UserError } from '../base/errors.ts';
import { Findings } from '../base/findings.ts';
import { at, type Json, type JsonObject, parseJson } from '../base/json.ts';
import { findSecretMisuse } from './config-file.ts';
import { type NormalConfiguration, normalizeConfiguration } from './configuration.ts';
import { type ComponentDefinition, parseDefinition } from './definition.ts';
import { parametersId } from './environment.ts';
import { missingInputs } from './missing-inputs.ts';
import { missingRights } from './missing-rights.ts';
import { selectRows } from './rows.ts';
import { inlineName, type JobSpec } from './spec.ts';
import type { ProjectInfo, Storage, StoredConfiguration, TokenInfo } from './storage.ts';
import { findUnsupported } from './unsupported.ts';

/** A job with everything it names looked up; nothing decided yet. */
export interface ResolvedJob {
  readonly spec: JobSpec;
  readonly component: ComponentDefinition;
  /** Definitions of the processors by id. */
  readonly processors: ReadonlyMap<string, ComponentDefinition>;
  readonly rows: readonly ResolvedRow[];
  /** True when Storage holds the configuration, so that state can be saved to it. */
  readonly configurationExists: boolean;
  readonly configVersion: string;
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  /** For the job's author: what is accepted but will not happen as written. */
  readonly notes: readonly string[];
}

export interface ResolvedRow {
  readonly id?: string;
  /** See `parametersId`. */
  readonly parametersId: string;
  readonly configuration: NormalConfiguration;
  readonly state: Json;
}

const empty: JsonObject = new Map();
const addHint = 'Add it with `componentd component add`, or see `componentd component ls`.';

/**
 * Looks up what a job names: component, configuration or inline data, rows, processors. Whatever of the contract this version does not do
 * is refused here by name. @throws UserError with every problem; ApplicationError for a wrong component definition.
 */
export async function resolveJob(spec: JobSpec, storage: Storage, cipher: Cipher): Promise<ResolvedJob> {
  const component = await definitionOf(spec.component, storage, `component "${spec.component}"`);
  const stored = spec.config === undefined ? undefined : await storage.configuration(spec.component, spec.config);
  const source = configurationOf(spec, stored, { cipher, storage });
  const selection = selectRows({ ...source, rowIds: spec.configRowIds ?? [] });
  const name = spec.configData === undefined ? `configuration ${spec.config}` : inlineName(spec.source);
  const nameOf = ({ id }: { readonly id?: string }): string => (id === undefined ? name : `${name}, row ${id}`);
  const ids = { component: spec.component, project: storage.project.id, ...(spec.config && { config: spec.config }) };
  const findings = new Findings();
  const read = (row: (typeof selection.rows)[number]): ResolvedRow => {
    const configuration = normalizeConfiguration(row.configuration, nameOf(row));
    const parameters = at(configuration.document, 'parameters') ?? empty;
    return { ...row, configuration, parametersId: parametersId(cipher.decryptTree(parameters, ids, 'parameters')) };
  };
  const rows: ResolvedRow[] = [];
  for (const row of selection.rows) {
    const resolved = await findings.check(() => read(row));
    if (resolved !== undefined) rows.push(resolved);
  }
  const processors = (await findings.check(() => processorsOf(rows, storage))) ?? new Map();
  const { project } = storage;
  const configurations = rows.map((row) => row.configuration);
  const unsupported = findUnsupported({ spec, component, processors, configurations, project });
  await findings.check(() => throwProblems('The job asks for what this version does not do', unsupported.problems));
  await findings.check(() => refuseSecretMisuse(rows, { component, project, spec, cipher }));
  if (component.staging.input !== 'none') {
    const missing: Problem[] = [];
    for (const row of selection.rows) missing.push(...(await missingInputs(row.configuration, nameOf(row), storage)));
    await findings.check(() => throwProblems('The input mapping names what is not in Storage', missing));
  }
  const keepsState = stored !== undefined;
  const writing = { component, keepsState, ...(spec.config !== undefined && { config: spec.config }) };
  const unheld = rows.flatMap((row) =>
    missingRights({ ...writing, configuration: row.configuration, source: nameOf(row) }, storage),
  );
  await findings.check(() => throwProblems("The job's token may not do what the configuration says", unheld));
  findings.throw('The job cannot run');
  return {
    spec,
    component,
    processors,
    rows,
    configurationExists: keepsState,
    configVersion: spec.configData === undefined ? (stored?.version ?? '') : '',
    project,
    token: storage.token,
    notes: [...selection.notes, ...unsupported.notes],
  };
}

function configurationOf(
  spec: JobSpec,
  stored: StoredConfiguration | undefined,
  { cipher, storage }: { readonly cipher: Cipher; readonly storage: Storage },
): Omit<Parameters<typeof selectRows>[0], 'rowIds'> {
  if (spec.configData !== undefined) {
    // Secrets of an inline configuration are encrypted before anything of it is written down.
    const scope = { kind: 'ProjectSecure', component: spec.component, project: storage.project.id } as const;
    return { configuration: cipher.encryptTree(spec.configData, scope), state: empty, rows: [] };
  }
  if (stored === undefined) {
    throw new UserError(`configuration "${spec.config}" of component "${spec.component}" was not found`, {
      hint: 'See `componentd config ls`.',
    });
  }
  if (stored.isDisabled && spec.mode !== 'forceRun') {
    throw new UserError(`configuration "${stored.id}" of component "${spec.component}" is disabled`, {
      hint: 'Enable it with `componentd config enable`, or run the job with the mode forceRun.',
    });
  }
  return {
    configuration: parseJson(stored.configuration),
    state: parseJson(stored.state),
    rows: stored.rows.map((row) => ({
      id: row.id,
      isDisabled: row.isDisabled,
      configuration: parseJson(row.configuration),
      state: parseJson(row.state),
    })),
  };
}

async function processorsOf(rows: readonly ResolvedRow[], storage: Storage): Promise<Map<string, ComponentDefinition>> {
  const ids = rows.flatMap(({ configuration: { processors } }) =>
    [...processors.before, ...processors.after].map((entry) => entry.component),
  );
  const found = new Map<string, ComponentDefinition>();
  const problems: Problem[] = [];
  for (const id of new Set(ids)) {
    const definition = await storage.component(id);
    if (definition !== undefined) found.set(id, parseDefinition(definition, `definition of processor "${id}"`));
    else problems.push({ message: `Cannot get processor "${id}": it is not known`, hint: addHint });
  }
  throwProblems('The configuration names unknown processors', problems);
  return found;
}

async function definitionOf(id: string, storage: Storage, name: string): Promise<ComponentDefinition> {
  const text = await storage.component(id);
  if (text === undefined) throw new UserError(`Cannot get ${name}: it is not known`, { hint: addHint });
  return parseDefinition(text, `definition of ${name}`);
}

interface MisuseCheck {
  readonly component: ComponentDefinition;
  readonly project: ProjectInfo;
  readonly spec: JobSpec;
  readonly cipher: Cipher;
}

/** Nobody may borrow the component's own secrets by pasting them under a `#` key (contract 3.4). */
function refuseSecretMisuse(rows: readonly ResolvedRow[], { component, project, spec, cipher }: MisuseCheck): void {
  const ids = {
    component: component.id,
    project: project.id,
    ...(spec.config !== undefined && { config: spec.config }),
  };
  const secrets = cipher.decryptTree(component.imageParameters, ids, 'image_parameters');
  const problems = rows.flatMap(({ configuration }) =>
    findSecretMisuse(cipher.decryptTree(configuration.document, ids, 'container'), secrets).map(
      (path): Problem => ({ path, message: 'holds a secret that belongs to the component' }),
    ),
  );
  throwProblems('The configuration uses a secret of the component', problems);
}
