import { ApplicationError, formatProblem, type Problem } from '../base/errors.ts';
import { at, isJsonArray, type Json, JsonSyntaxError, parseJson } from '../base/json.ts';
import { memoryMegabytes } from '../base/memory-text.ts';
import { readDocument } from '../base/schema.ts';
import type { Component } from '../gen/component.schema.js';
import * as componentSchema from '../gen/component.schema.js';
import type { RegistryCredentials } from '../image/types.ts';
import { type BuildDefinition, buildDefinition, buildProblems } from './build/definition.ts';

/** A component's definition with the contract's defaults filled in (contract 1.1 to 1.4). Plain data. */
export interface ComponentDefinition {
  readonly id: string;
  readonly type?: string;
  readonly features: readonly string[];
  readonly dataTypesSupport: 'authoritative' | 'hints' | 'none';
  readonly image: ImageDefinition;
  /** As written: `256m`, `1g`. */
  readonly memory: string;
  readonly configurationFormat: 'json' | 'yaml';
  /** The definition's 0, no limit, and anything longer is 2,000,000: what a timer can still count. */
  readonly processTimeoutSeconds: number;
  readonly forwardToken: boolean;
  readonly forwardTokenDetails: boolean;
  readonly injectEnvironment: boolean;
  readonly defaultBucket: boolean;
  readonly defaultBucketStage: 'in' | 'out';
  /** As written, `#` values still encrypted; `{}` when the definition has none. */
  readonly imageParameters: Json;
  /** Absent when the definition does not say. */
  readonly network?: 'none' | 'bridge' | 'no-internet';
  readonly synchronousActions: readonly string[];
  readonly logging: {
    readonly type: 'standard' | 'gelf';
    readonly gelfServerType: 'tcp' | 'udp' | 'http';
    readonly noApplicationErrors: boolean;
    readonly verbosity: Readonly<Record<string, 'none' | 'camouflage' | 'normal' | 'verbose'>>;
  };
  readonly staging: { readonly input: StagingInput; readonly output: StagingOutput };
}

export interface ImageDefinition {
  readonly type: 'dockerhub' | 'quayio' | 'aws-ecr' | 'registry' | 'builder';
  readonly uri: string;
  /** Never empty. */
  readonly tag: string;
  /** `sha256:…`. */
  readonly digest?: string;
  /** What the registry is to be told; the password as stored, possibly encrypted under the component's scope. */
  readonly credentials?: RegistryCredentials;
  /** Of the type `builder`: how it is made of the image that the rest names. */
  readonly build?: BuildDefinition;
}

const longestTimeout = 2_000_000;

type StagingInput = 'local' | 's3' | 'abs' | 'none' | 'workspace-snowflake' | 'workspace-bigquery';
type StagingOutput = 'local' | 'none' | 'workspace-snowflake' | 'workspace-bigquery';

/**
 * Reads a definition; keys that the contract does not know are ignored.
 * @throws ApplicationError with every problem: a wrong definition is its author's to mend, never the job author's.
 */
export function parseDefinition(document: string | Json, name = 'component definition'): ComponentDefinition {
  const json = typeof document === 'string' ? parseText(document, name) : document;
  const { value, problems } = readDocument(componentSchema, json, { source: name });
  if (problems.length > 0) throw wrongDefinition(name, problems);
  const definition = typed(value as Component, at(json, 'data', 'image_parameters'));
  const more = crossProblems(definition, value as Component, name);
  if (more.length > 0) throw wrongDefinition(name, more);
  return definition;
}

/** The image's name and tag in Docker's grammar; an empty override counts as none. */
export function imageReference(definition: ComponentDefinition, tagOverride?: string): string {
  const { uri, tag, build } = definition.image;
  const type = build?.parentType ?? definition.image.type;
  const name = type === 'quayio' && !uri.startsWith('quay.io/') ? `quay.io/${uri}` : uri;
  return `${name}:${tagOverride || tag}`;
}

/** Every character outside letters, digits and `-` becomes `-`: the id in bucket and container names. */
export function sanitizedId(componentId: string): string {
  return componentId.replace(/[^A-Za-z0-9-]/gu, '-');
}

function parseText(text: string, name: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw wrongDefinition(name, [{ message: error.detail, source: name, line: error.line, column: error.column }]);
  }
}

function wrongDefinition(name: string, problems: readonly Problem[]): ApplicationError {
  return new ApplicationError(`The ${name} is wrong: ${problems.map(formatProblem).join('; ')}`, {
    problems,
    reason: 'definition',
  });
}

function typed(
  { id, type, features, dataTypesConfiguration, data }: Component,
  imageParameters: Json | undefined,
): ComponentDefinition {
  const { definition, logging, staging_storage: staging } = data;
  const credentials = credentialsOf(definition);
  const isNothing =
    imageParameters === undefined ||
    imageParameters === null ||
    (isJsonArray(imageParameters) && imageParameters.length === 0);
  return {
    id,
    ...(type !== undefined && { type }),
    features: features ?? [],
    dataTypesSupport: dataTypesConfiguration?.dataTypesSupport ?? 'none',
    image: {
      type: definition.type,
      uri: definition.uri,
      tag: definition.tag || 'latest',
      ...(definition.digest && { digest: `sha256:${definition.digest}` }),
      ...(credentials && { credentials }),
      ...(definition.type === 'builder' && { build: buildDefinition(definition.build_options ?? {}) }),
    },
    memory: data.memory ?? '256m',
    configurationFormat: data.configuration_format ?? 'json',
    processTimeoutSeconds: Math.min(
      data.process_timeout === 0 ? longestTimeout : (data.process_timeout ?? 3600),
      longestTimeout,
    ),
    forwardToken: data.forward_token ?? false,
    forwardTokenDetails: data.forward_token_details ?? false,
    injectEnvironment: data.inject_environment ?? false,
    defaultBucket: data.default_bucket ?? false,
    defaultBucketStage: data.default_bucket_stage ?? 'in',
    imageParameters: isNothing ? new Map() : imageParameters,
    ...(data.network !== undefined && { network: data.network }),
    synchronousActions: data.synchronous_actions ?? [],
    logging: {
      type: logging?.type ?? 'standard',
      gelfServerType: logging?.gelf_server_type ?? 'tcp',
      noApplicationErrors: logging?.no_application_errors ?? false,
      verbosity: logging?.verbosity ?? {},
    },
    staging: { input: staging?.input ?? 'local', output: staging?.output ?? 'local' },
  };
}

/** An empty value counts as none. With ECR, name and password are an AWS access key. */
function credentialsOf(definition: Component['data']['definition']): RegistryCredentials | undefined {
  const { username, '#password': password, server, region } = definition.repository ?? {};
  if (!username || !password) return undefined;
  const type = definition.type === 'builder' ? definition.build_options?.parent_type : definition.type;
  return {
    ...(type === 'aws-ecr' && { kind: 'aws-key' as const }),
    username,
    password,
    ...(server && { server }),
    ...(region && { region }),
  };
}

function crossProblems(
  { staging, image, memory }: ComponentDefinition,
  { data }: Component,
  source: string,
): readonly Problem[] {
  const problems: Problem[] = [];
  if (
    staging.input.startsWith('workspace-') &&
    staging.output.startsWith('workspace-') &&
    staging.input !== staging.output
  ) {
    problems.push({
      source,
      path: 'data.staging_storage',
      message: `input is ${staging.input} but output is ${staging.output}`,
      hint: 'use the same workspace for both',
    });
  }
  const { username, '#password': password } = data.definition.repository ?? {};
  if (image.credentials === undefined && (username || password)) {
    problems.push({ source, path: 'data.definition.repository', message: 'needs both "username" and "#password"' });
  }
  if (image.type === 'builder') problems.push(...buildProblems(data.definition.build_options, source));
  if (memoryMegabytes(memory) === 0)
    problems.push({ source, path: 'data.memory', message: 'must be more than nothing' });
  return problems;
}
