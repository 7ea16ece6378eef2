import { type Problem, throwProblems, UserError } from '../base/errors.ts';
import { at, isJsonObject, type Json, JsonSyntaxError, parseJson } from '../base/json.ts';
import { readDocument } from '../base/schema.ts';
import type { Job } from '../gen/job.schema.js';
import * as jobSchema from '../gen/job.schema.js';
import { normalizeConfiguration } from './configuration.ts';
import { parseMoment } from './moment.ts';

/** A job file, read: the body of the queue's create call (contract 7.5) and what this runner adds. Plain data but for `configData`. */
export interface JobSpec {
  /** How problems call the file. */
  readonly source: string;
  readonly component: string;
  /** At least one of `config` and `configData` is there. */
  readonly config?: string;
  /** As written, with its key order and numbers. */
  readonly configData?: Json;
  readonly configRowIds?: readonly string[];
  /** Never empty. */
  readonly tag?: string;
  readonly mode: 'run' | 'forceRun' | 'debug';
  /** Goes into the configuration's `runtime.backend`. */
  readonly backend: { readonly type?: string; readonly containerType?: string; readonly context?: string };
  readonly parallelism?: string;
  /** Id of the token the job runs under. */
  readonly token?: string;
  readonly clientKey?: string;
  readonly priority?: number;
  /** ISO 8601, UTC. */
  readonly notBefore?: string;
  /** Every key as it was read, for those that are refused later by name. */
  readonly plain: Job;
}

const longestJobFile = 16 * 1024 * 1024;

/** Reads a job file; `source` names it in problems. @throws UserError with every problem, its path and a hint. */
export function parseJobSpec(text: string, source: string): JobSpec {
  const json = parse(text, source);
  const { value, problems } = readDocument(jobSchema, json, { source });
  const plain = value as Job;
  const looksRight = typeof value === 'object' && value !== null && !Array.isArray(value);
  const configData = at(json, 'configData');
  const mistakes = [...problems, ...(looksRight ? crossProblems(plain, source) : [])];
  // One look at the file is to find everything; without mistakes of its own, the configuration is read when the job is resolved.
  if (mistakes.length > 0) mistakes.push(...configurationProblems(configData, source));
  throwProblems('The job file is wrong', mistakes);
  const { tag, parallelism, notBefore, backend } = plain;
  return {
    source,
    component: plain.component,
    mode: plain.mode ?? 'run',
    backend: {
      ...(backend?.type && { type: backend.type }),
      ...(backend?.containerType && { containerType: backend.containerType }),
      ...(backend?.context && { context: backend.context }),
    },
    ...(plain.config !== undefined && { config: plain.config }),
    ...(configData !== undefined && configData !== null && { configData }),
    ...(plain.configRowIds !== undefined && { configRowIds: plain.configRowIds }),
    ...(tag && { tag }),
    ...(parallelism !== undefined && parallelism !== null && { parallelism: String(parallelism) }),
    ...(plain.token !== undefined && { token: plain.token }),
    ...(plain.clientKey !== undefined && { clientKey: plain.clientKey }),
    ...(plain.priority !== undefined && { priority: plain.priority }),
    ...(notBefore !== undefined && { notBefore: absoluteMoment(notBefore) as string }),
    plain,
  };
}

function parse(text: string, source: string): Json {
  if (text.length > longestJobFile)
    throwProblems('The job file is wrong', [{ source, message: `is longer than ${longestJobFile} characters` }]);
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throwProblems('The job file is not JSON', [
      { source, line: error.line, column: error.column, message: error.detail },
    ]);
    throw error;
  }
}

/** How problems call the configuration inside a job file. */
export function inlineName(source: string): string {
  return `${source}, configData`;
}

function configurationProblems(configData: Json | undefined, source: string): readonly Problem[] {
  if (!isJsonObject(configData)) return [];
  try {
    normalizeConfiguration(configData, inlineName(source));
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.problems;
  }
}

function crossProblems({ config, configData, notBefore }: Job, source: string): readonly Problem[] {
  const problems: Problem[] = [];
  if (config === undefined && configData === undefined) {
    problems.push({
      source,
      message: 'one of "config" and "configData" is required',
      hint: 'name a stored configuration, or give one inline',
    });
  }
  if (typeof notBefore === 'string' && absoluteMoment(notBefore) === undefined) {
    problems.push({
      source,
      path: 'notBefore',
      message: `"${notBefore}" is not a moment`,
      hint: 'write it as 2026-01-31T08:00:00Z',
    });
  }
  return problems;
}

function absoluteMoment(text: string): string | undefined {
  return /^\d{4}-/.test(text) ? parseMoment(text, new Date(0)) : undefined;
}
