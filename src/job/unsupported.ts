import type { Problem } from '../base/errors.ts';
import type { NormalConfiguration } from './configuration.ts';
import type { ComponentDefinition } from './definition.ts';
import type { JobSpec } from './spec.ts';
import type { ProjectInfo } from './storage.ts';
import { configurationGaps } from './unsupported-configuration.ts';

export interface Asked {
  readonly spec: JobSpec;
  readonly component: ComponentDefinition;
  /** Definitions of the processors by id. */
  readonly processors: ReadonlyMap<string, ComponentDefinition>;
  /** One per row. */
  readonly configurations: readonly NormalConfiguration[];
  readonly project?: Pick<ProjectInfo, 'branchId'>;
}

/** `problems`: what this version does not do, by name. `notes`: what is accepted, but will not happen as written. */
export interface Unsupported {
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/**
 * Everything of the contract that a job asks for and that is not there yet. What the contract itself ignores for components with local
 * staging (workspace options, executors, what concerns only the queue) is accepted in silence.
 */
export function findUnsupported({ spec, component, processors, configurations, project }: Asked): Unsupported {
  const definitions = [...new Map([[component.id, component], ...processors]).values()];
  const problems = [
    ...jobGaps(spec, project?.branchId),
    ...configurations.flatMap((configuration) => configurationGaps(configuration, component)),
    ...definitions.flatMap(definitionGaps),
    ...stagingGaps(component),
  ];
  return {
    problems: [...new Map(problems.map((problem) => [`${problem.source}:${problem.path}`, problem])).values()],
    notes: parallelismNotes(spec, configurations),
  };
}

const notYet = 'is not supported yet';

function jobGaps({ mode, plain }: JobSpec, branchId: string | undefined): readonly Problem[] {
  const source = 'job';
  const problems: Problem[] = [];
  const refuse = (path: string, message: string, hint?: string): unknown =>
    problems.push({ source, path, message, ...(hint !== undefined && { hint }) });
  if (mode === 'debug') refuse('mode', `"debug" ${notYet}`, 'use "run"');
  if (plain.branchId && plain.branchId !== 'default' && plain.branchId !== branchId)
    refuse('branchId', 'names a branch, and there is only the default one', 'leave it out');
  if (plain.variableValuesId) refuse('variableValuesId', notYet, 'write the values into the configuration');
  if ((plain.variableValuesData?.values ?? []).length > 0)
    refuse('variableValuesData', notYet, 'write the values into the configuration');
  for (const key of ['orchestrationJobId', 'orchestrationTaskId', 'orchestrationPhaseId', 'previousJobId'] as const) {
    if (plain[key]) refuse(key, notYet, 'orchestrations are not there; leave it out');
  }
  if ((plain.onlyOrchestrationTaskIds ?? []).length > 0)
    refuse('onlyOrchestrationTaskIds', notYet, 'orchestrations are not there; leave it out');
  if (plain.type !== undefined && plain.type !== 'standard')
    refuse('type', `"${plain.type}" ${notYet}`, 'use "standard"');
  if (plain.deduplicationId) refuse('deduplicationId', notYet, 'use "clientKey"');
  return problems;
}

function definitionGaps({ id, logging, injectEnvironment }: ComponentDefinition): readonly Problem[] {
  const source = `component ${id}`;
  const problems: Problem[] = [];
  const refuse = (path: string, message: string, hint: string): unknown =>
    problems.push({ source, path, message, hint });
  if (logging.type === 'gelf')
    refuse(
      'data.logging.type',
      `"gelf" ${notYet}`,
      'set "type": "standard"; the component must log to stdout and stderr',
    );
  if (injectEnvironment)
    refuse('data.inject_environment', notYet, 'the component must read its parameters from config.json');
  return problems;
}

/** Only the main component's staging counts. */
function stagingGaps({ id, staging }: ComponentDefinition): readonly Problem[] {
  return (['input', 'output'] as const)
    .filter((side) => staging[side] !== 'local' && staging[side] !== 'none')
    .map((side) => ({
      source: `component ${id}`,
      path: `data.staging_storage.${side}`,
      message: `"${staging[side]}" ${notYet}`,
      hint: 'use "local" or "none"',
    }));
}

function parallelismNotes(spec: JobSpec, configurations: readonly NormalConfiguration[]): readonly string[] {
  if (configurations.length < 2) return [];
  const wished = spec.parallelism ?? configurations[0]?.runtime.parallelism ?? '0';
  return wished === '0' ? [] : [`parallelism ${wished}: rows run one after the other in this version`];
}
