import { type Problem, throwProblems } from '../../base/errors.ts';
import { isFetchable, isReference, problemOfRepository } from '../../base/git-url.ts';
import { isJsonObject, type Json } from '../../base/json.ts';
import type { Recipe } from '../../image/build/types.ts';
import type { BuildDefinition, BuildParameter } from './definition.ts';
import { commandDockerfile, credentialsId } from './dockerfile.ts';
import type { BuildPlan, PlannedSecret } from './types.ts';
import { fillIn, insertionOf, placeholdersOf } from './values.ts';

export interface BuildToPlan {
  readonly component: string;
  readonly definition: BuildDefinition;
  /** Reference of the base image. */
  readonly base: string;
  /** `parameters` and `runtime` of the configuration, as written. */
  readonly parameters: Json | undefined;
  readonly runtime: Json | undefined;
  /** Of the commands. */
  readonly network: Recipe['network'];
}

/**
 * How an image is built for a configuration: values come from the root of `parameters`, then of `runtime`, for declared names only
 * (contract 9.2). Pure. @throws UserError with every problem
 */
export function planBuild(build: BuildToPlan): BuildPlan {
  const { component, definition, network } = build;
  const { values, special, problems } = valuesOf(build);
  const repository = repositoryOf(definition, special, problems);
  const version = values.get('version') ?? definition.version;
  values.set('repository', repository.uri);
  const secrets = definition.parameters.flatMap((parameter): readonly PlannedSecret[] => {
    const encryptedValue = parameter.name.startsWith('#') ? values.get(parameter.name) : undefined;
    return encryptedValue === undefined || special.has(parameter.name) ? [] : [{ parameter, encryptedValue }];
  });
  const isSecret = (name: string): boolean => name.startsWith('#');
  const open = new Map([...values].filter(([name]) => !isSecret(name)));
  const { password, ...withoutPassword } = repository;
  const { how, files } =
    definition.dockerfile === undefined
      ? commandsOf({ build, open, secrets, problems, version, signsIn: repository.username !== undefined })
      : dockerfileOf({ definition: definition.dockerfile, uri: repository.uri, open, secrets, problems, version });
  throwProblems(`The image of ${component} cannot be built`, problems);
  return {
    recipe: {
      repository: withoutPassword,
      ...(version !== undefined && { version }),
      // A branch that moves is meant to be built each time (contract 9.2).
      cache: definition.cache && version !== 'master',
      network,
      how,
    },
    secrets: { ...(password !== undefined && { encryptedPassword: password }), files, values: secrets },
  };
}

/** What `runtime` says of these, when they are declared, is not inserted but acted on. */
const specialNames = ['repository', 'version', 'username', '#password', 'network'];

interface Values {
  /** By name; inserted as they are. Secret ones as they are stored. */
  readonly values: Map<string, string>;
  /** Those of `runtime` that mean something to us. */
  readonly special: ReadonlyMap<string, string>;
  readonly problems: Problem[];
}

function valuesOf({ definition, parameters, runtime }: BuildToPlan): Values {
  const values = new Map<string, string>();
  const special = new Map<string, string>();
  const problems: Problem[] = [];
  for (const parameter of definition.parameters) {
    const { name } = parameter;
    const own = given(runtime, name);
    const value = own ?? given(parameters, name);
    if (value === undefined) {
      const inserted = parameter.defaultValue ?? (name === 'version' ? definition.version : undefined);
      const isThere = inserted !== undefined || name === 'repository' || !parameter.required;
      if (isThere) values.set(name, inserted ?? '');
      else problems.push(missing(parameter));
      continue;
    }
    const insertion = insertionOf(name.startsWith('#') ? { ...parameter, type: 'string' } : parameter, value);
    if ('problem' in insertion) problems.push(insertion.problem);
    else values.set(name, insertion.text);
    if (own !== undefined && specialNames.includes(name) && !('problem' in insertion)) {
      const plain = insertionOf({ ...parameter, type: 'string' }, value);
      if ('text' in plain) special.set(name, plain.text);
    }
  }
  for (const name of ['username', '#password', 'network']) if (special.has(name)) values.delete(name);
  return { values, special, problems };
}

function missing({ name }: BuildParameter): Problem {
  return {
    path: name,
    message: `the build parameter "${name}" has no value`,
    hint: 'give it one below "parameters" or "runtime" of the configuration',
  };
}

/** Null counts as nothing. */
function given(from: Json | undefined, name: string): Json | undefined {
  const value = isJsonObject(from) ? from.get(name) : undefined;
  return value === null ? undefined : value;
}

/** The network that `runtime` wishes for the container, when that is declared. @throws UserError for one that is none */
export function wishedNetwork(definition: BuildDefinition, runtime: Json | undefined): Recipe['network'] | undefined {
  const isDeclared = definition.parameters.some(({ name }) => name === 'network');
  const wished = isDeclared ? given(runtime, 'network') : undefined;
  if (wished === undefined || wished === 'none' || wished === 'bridge' || wished === 'no-internet') return wished;
  const message = `${JSON.stringify(wished)} is no network`;
  throwProblems('The configuration is wrong', [
    { path: 'container.runtime.network', message, hint: 'networks are none, bridge and no-internet' },
  ]);
  return undefined;
}

function repositoryOf(
  { repository }: BuildDefinition,
  special: ReadonlyMap<string, string>,
  problems: Problem[],
): BuildDefinition['repository'] {
  const uri = special.get('repository') ?? repository.uri;
  const username = special.get('username') ?? repository.username;
  // A password of the definition is not for a repository that a configuration names.
  const isOther = uri !== repository.uri;
  const password = special.get('#password') ?? (isOther ? undefined : repository.password);
  const signsIn = Boolean(username) && !(isOther && !special.has('username'));
  const wrong = problemOfRepository(uri, { withUsername: signsIn });
  if (wrong !== undefined)
    problems.push({ path: 'repository', message: `the repository ${JSON.stringify(uri)} ${wrong}` });
  return { uri, ...(signsIn && username && { username, ...(password && { password }) }) };
}

interface Filling {
  /** What is inserted and no secret. */
  readonly open: ReadonlyMap<string, string>;
  readonly secrets: readonly PlannedSecret[];
  readonly problems: Problem[];
  readonly version: string | undefined;
}

interface Planned {
  readonly how: Recipe['how'];
  readonly files: BuildPlan['secrets']['files'];
}

function commandsOf({
  build,
  open,
  secrets,
  problems,
  version,
  signsIn,
}: Filling & { build: BuildToPlan; signsIn: boolean }): Planned {
  const { definition, base } = build;
  const { commands, entryPoint = '' } = definition;
  // A secret that has no value, because none is required, is empty.
  const unset = definition.parameters.filter(
    ({ name }) => name.startsWith('#') && !secrets.some(({ parameter }) => parameter.name === name),
  );
  const known = new Map([...open, ...unset.map(({ name }) => [name, ''] as const)]);
  const secret = new Set(secrets.map(({ parameter }) => parameter.name));
  const left = [...commands, entryPoint]
    .flatMap(placeholdersOf)
    .filter((name) => !known.has(name) && !secret.has(name));
  if (left.length > 0) {
    const names = [...new Set(left)].map((name) => `{{${name}}}`).join(', ');
    problems.push({ path: 'build_options', message: `placeholders without a parameter: ${names}` });
  }
  if (placeholdersOf(entryPoint).some((name) => secret.has(name)))
    problems.push({ path: 'entry_point', message: 'would show a secret to everybody who has the image' });
  const filledEntryPoint = fillIn(entryPoint, known);
  for (const [path, text] of Object.entries({ entry_point: filledEntryPoint, version: version ?? '' }))
    if (/[\r\n]/.test(text)) problems.push({ path, message: 'must be one line' });
  const { scripts, ...rest } = commandDockerfile({
    base,
    ...(version !== undefined && { version }),
    commands: commands.map((command) => fillIn(command, known)),
    entryPoint: filledEntryPoint,
    signsIn,
  });
  return { how: { kind: 'commands', ...rest, base, ...(signsIn && { credentials: credentialsId }) }, files: scripts };
}

function dockerfileOf({
  definition: { path, context },
  uri,
  open,
  secrets,
  problems,
  version,
}: Filling & { definition: NonNullable<BuildDefinition['dockerfile']>; uri: string }): Planned {
  if (!isFetchable(uri))
    problems.push({
      path: 'repository',
      message: `${JSON.stringify(uri)} cannot be fetched`,
      hint: 'use a URL of https or http',
    });
  if (version !== undefined && !isReference(version))
    problems.push({ path: 'version', message: `${JSON.stringify(version)} is no branch, tag or commit` });
  const inserted = [...open].filter(([name]) => name !== 'repository');
  for (const [name, value] of inserted)
    if (/[\r\n]/.test(value)) problems.push({ path: name, message: `the build parameter "${name}" must be one line` });
  const files = secrets.map(({ parameter: { name } }) => ({ id: name.slice(1), text: `{{${name}}}` }));
  return { how: { kind: 'dockerfile', path, context, arguments: Object.fromEntries(inserted) }, files };
}
