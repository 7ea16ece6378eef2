import type { Problem } from '../../base/errors.ts';
import { problemOfRepository } from '../../base/git-url.ts';
import type { Component } from '../../gen/component.schema.js';

type Options = NonNullable<Component['data']['definition']['build_options']>;

/** How an image of the type `builder` is made (contract 9.1), with defaults filled in. Plain data. */
export interface BuildDefinition {
  readonly parentType: 'dockerhub' | 'quayio' | 'aws-ecr' | 'registry';
  readonly repository: { readonly uri: string; readonly username?: string; readonly password?: string };
  /** Absent when the image is a Dockerfile's. */
  readonly entryPoint?: string;
  readonly commands: readonly string[];
  /** A path in the repository, and the folder that it copies from. */
  readonly dockerfile?: { readonly path: string; readonly context: string };
  readonly parameters: readonly BuildParameter[];
  readonly version?: string;
  readonly cache: boolean;
  /** Absent when the definition does not say. */
  readonly network?: 'none' | 'bridge' | 'no-internet';
}

export interface BuildParameter {
  /** With a `#` in front it is a secret. */
  readonly name: string;
  readonly type: 'integer' | 'string' | 'argument' | 'plain_string' | 'enumeration';
  readonly required: boolean;
  /** Inserted as it is. */
  readonly defaultValue?: string;
  /** Of an enumeration. */
  readonly values: readonly string[];
}

/** The build options of a definition that has no {@link buildProblems}. */
export function buildDefinition(options: Options): BuildDefinition {
  const { repository, parent_type: parentType = 'registry', entry_point: entryPoint, version, network } = options;
  const { uri = '', username, '#password': password } = repository ?? {};
  return {
    parentType,
    repository: { uri, ...(username && { username }), ...(password && { password }) },
    ...(options.dockerfile === undefined && entryPoint !== undefined && { entryPoint }),
    commands: options.commands ?? [],
    ...(options.dockerfile !== undefined && {
      dockerfile: { path: options.dockerfile, context: options.context ?? '.' },
    }),
    parameters: (options.parameters ?? []).map(
      ({ name, type, required = true, default_value: value, values = [] }) => ({
        name,
        type: type === 'int' ? 'integer' : type,
        required,
        ...(value !== undefined && value !== null && { defaultValue: String(value) }),
        values,
      }),
    ),
    ...(version && { version }),
    cache: options.cache ?? true,
    ...(network !== undefined && { network }),
  };
}

/** What is wrong between the keys of a `builder`'s options; a definition's author mends it. */
export function buildProblems(options: Options | undefined, source: string): readonly Problem[] {
  const problems: Problem[] = [];
  const refuse = (path: string, message: string, hint?: string): unknown =>
    problems.push({
      source,
      path: ['data.definition.build_options', path].filter(Boolean).join('.'),
      message,
      ...(hint && { hint }),
    });
  if (options?.repository === undefined) {
    refuse('repository', 'is required for the type "builder"', 'name the git repository');
    return problems;
  }
  const { repository, dockerfile, entry_point: entryPoint, commands = [], context = '.', parameters = [] } = options;
  const wrong = problemOfRepository(repository.uri, { withUsername: Boolean(repository.username) });
  if (wrong !== undefined) refuse('repository.uri', wrong);
  if (repository['#password'] && !repository.username) refuse('repository', 'has a "#password" and no "username"');
  if (dockerfile === undefined) {
    if (options.parent_type === undefined)
      refuse('parent_type', 'is required', 'say where the image of "uri" comes from');
    if (entryPoint === undefined) refuse('entry_point', 'is required', 'or name the "dockerfile" of the repository');
  } else {
    if (entryPoint !== undefined) refuse('entry_point', 'does not go with a "dockerfile"', 'write it into that file');
    if (commands.length > 0) refuse('commands', 'do not go with a "dockerfile"', 'write them into that file');
    if (!isInside(dockerfile)) refuse('dockerfile', 'is not a path within the repository');
    if (!isInside(context)) refuse('context', 'is not a path within the repository');
  }
  for (const [index, { name, type, values = [], default_value: value }] of parameters.entries()) {
    if (type === 'enumeration' && values.length === 0)
      refuse(`parameters.${index}.values`, `are missing for "${name}"`);
    if (value !== undefined && typeof value === 'object' && value !== null)
      refuse(`parameters.${index}.default_value`, `of "${name}" is not a text`);
    if (name.startsWith('#') && value !== undefined && value !== null)
      refuse(`parameters.${index}.default_value`, `of "${name}" would be a secret that everybody sees`);
    if (parameters.findIndex((other) => other.name === name) < index)
      refuse(`parameters.${index}.name`, `"${name}" is there twice`);
  }
  return problems;
}

function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.startsWith('-') && !path.split('/').includes('..') && !/[\0-\x1f]/.test(path);
}
