import { derivedId } from '../base/ids.ts';
import { at, type Json, stringifyJson } from '../base/json.ts';
import type { LimitSettings } from '../base/limit-settings.ts';
import { buildOfStage, withWishedNetwork } from './build/stage.ts';
import { mainConfigFile, processorConfigFile } from './config-file.ts';
import type { NormalConfiguration } from './configuration.ts';
import { dataTypesOf } from './data-types.ts';
import { type ComponentDefinition, sanitizedId } from './definition.ts';
import { defaultBucketOf } from './destination.ts';
import { stageEnvironment } from './environment.ts';
import { jobFormat } from './format.ts';
import { ImagePlans } from './image-plans.ts';
import { planInputs } from './input-mapping.ts';
import { formatLabel, jobLabel } from './labels.ts';
import { type PlannedLimits, planLimits } from './limits.ts';
import { type Networking, networkNotes, networkOf } from './network.ts';
import type { ResolvedJob, ResolvedRow } from './resolve.ts';
import { parseStoredState } from './state.ts';
import type { ImagePlan, OutputPlan, Plan, Policy, RowPlan, StagePlan, StageRole } from './types.ts';

/** What a plan needs besides the job: who runs it, where, and under which rules of the operator. */
export interface PlanOptions {
  readonly job: string;
  readonly attempt: number;
  readonly node: string;
  readonly tenant: string;
  readonly policy: Policy;
  readonly now: Date;
  /** Processes of one container. */
  readonly pidsLimit: number;
  /** What the operator allows; nothing but the contract's limits when absent. */
  readonly limits?: LimitSettings;
  /** Whether registries are asked for images; `missing` when absent. */
  readonly pullPolicy?: ImagePlan['policy'];
  /** None when absent. */
  readonly networking?: Networking;
}

const noNetworking: Networking = { fault: { message: 'nobody said that there are networks' } };

/** Takes every decision of a job. Pure: equal input, equal plan. */
export function planJob(resolved: ResolvedJob, options: PlanOptions): Plan {
  const { spec, component, project, token, notes } = resolved;
  const images = new ImagePlans(options.pullPolicy);
  const definitions = [component, ...resolved.processors.values()];
  const { policy, networking = noNetworking } = options;
  const warnings = new Set([...notes, ...networkNotes(definitions, policy, networking)]);
  const rows = resolved.rows.map((row, index) => planRow({ row, index, resolved, options, images, warnings }));
  return {
    formatVersion: jobFormat,
    job: options.job,
    attempt: options.attempt,
    node: options.node,
    tenant: options.tenant,
    policy: options.policy,
    mode: spec.mode === 'forceRun' ? 'forceRun' : 'run',
    component: component.id,
    ...(spec.config !== undefined && { config: spec.config }),
    format: component.configurationFormat,
    keepsState: resolved.configurationExists,
    configVersion: resolved.configVersion,
    project,
    token,
    images: images.list,
    rows,
    warnings: [...warnings],
  };
}

interface RowToPlan {
  readonly row: ResolvedRow;
  readonly index: number;
  readonly resolved: ResolvedJob;
  readonly options: PlanOptions;
  readonly images: ImagePlans;
  /** Filled on the way. */
  readonly warnings: Set<string>;
}

function planRow({ row, index, resolved, options, images, warnings }: RowToPlan): RowPlan {
  const { component, processors, spec } = resolved;
  const { configuration } = row;
  const hasData = component.staging.input !== 'none';
  const state = parseStoredState(row.state, 'the stored state');
  const { tables, files } = hasData ? planInputs(configuration.input, options.now) : { tables: [], files: [] };
  const processor = (role: StageRole) => (entry: NormalConfiguration['processors']['before'][number]) => ({
    role,
    definition: processors.get(entry.component) as ComponentDefinition,
    tag: entry.tag,
    values: { tag: entry.tag, parameters: entry.parameters },
    document: (definition: ComponentDefinition): Json =>
      processorConfigFile({ parameters: entry.parameters, imageParameters: definition.imageParameters, action: 'run' }),
  });
  const { tag, processTimeoutSeconds } = configuration.runtime;
  const context = spec.backend.context ?? configuration.runtime.context;
  const [parameters, runtime] = [at(configuration.document, 'parameters'), at(configuration.document, 'runtime')];
  const main = {
    role: 'main' as const,
    definition: withWishedNetwork(component, runtime),
    tag: spec.tag ?? tag,
    values: { tag: spec.tag ?? tag, parameters, runtime },
    document: ({ imageParameters }: ComponentDefinition): Json =>
      mainConfigFile({
        document: configuration.document,
        imageParameters,
        action: 'run',
        ...(context !== undefined && { context }),
      }),
  };
  const building = { policy: options.policy, networking: options.networking ?? noNetworking };
  const before = hasData ? configuration.processors.before.map(processor('before')) : [];
  const after = hasData ? configuration.processors.after.map(processor('after')) : [];
  return {
    index,
    ...(row.id !== undefined && { rowId: row.id }),
    stages: [...before, main, ...after].map((stage, priority) => {
      const timeout = stage.role === 'main' ? processTimeoutSeconds : undefined;
      const limits = limitsOf(stage.definition, { configuration, resolved, options });
      for (const warning of limits.warnings) warnings.add(warning);
      return planStage({
        ...stage,
        limits,
        image: images.indexOf(stage.definition, stage.tag, buildOfStage(stage.definition, stage.values, building)),
        priority,
        timeout,
        row,
        index,
        resolved,
        options,
      });
    }),
    inputTables: tables,
    inputFiles: files,
    output: planOutput(configuration, hasData, resolved),
    state: stringifyJson(state.component),
    storageState: stringifyJson(state.storage),
  };
}

function planOutput(
  { document, output, plain }: NormalConfiguration,
  hasData: boolean,
  { component, spec, project }: ResolvedJob,
): OutputPlan {
  const wanted = {
    definition: component,
    ...(output.defaultBucket !== undefined && { wished: output.defaultBucket }),
    ...(spec.config !== undefined && { configId: spec.config }),
  };
  const defaultBucket = hasData ? defaultBucketOf(wanted) : undefined;
  return {
    isTaken: hasData,
    mapping: stringifyJson(at(document, 'storage', 'output') ?? new Map()),
    ...(defaultBucket !== undefined && { defaultBucket }),
    dataTypes: dataTypesOf(project.features, {
      wished: plain.storage?.output?.data_type_support,
      component: component.dataTypesSupport,
    }),
  };
}

interface StageToPlan {
  readonly role: StageRole;
  readonly definition: ComponentDefinition;
  readonly document: (definition: ComponentDefinition) => Json;
  readonly image: number;
  readonly priority: number;
  readonly timeout: number | undefined;
  readonly limits: PlannedLimits;
  readonly row: ResolvedRow;
  readonly index: number;
  readonly resolved: ResolvedJob;
  readonly options: PlanOptions;
}

function planStage({
  role,
  definition,
  document,
  image,
  priority,
  timeout,
  limits,
  row,
  index,
  resolved,
  options,
}: StageToPlan): StagePlan {
  const { component, spec, project, token, configVersion } = resolved;
  const { job, attempt, node, policy, networking = noNetworking } = options;
  const container = derivedId(node, job, String(attempt), String(index), String(priority));
  const containerName = `${sanitizedId(definition.id)}-${job}-${job}-${priority}`;
  const keepalive = definition.features.includes('container-tcpkeepalive-60s-override');
  return {
    index: priority,
    role,
    component: definition.id,
    image,
    container,
    name: `${job}-${job}-${row.id ?? ''}-${priority}-${sanitizedId(definition.id)}`,
    labels: {
      'com.keboola.docker-runner.jobId': job,
      'com.keboola.docker-runner.runId': job,
      'com.keboola.docker-runner.rowId': row.id ?? '',
      'com.keboola.docker-runner.containerName': containerName,
      'com.keboola.docker-runner.projectId': project.id,
      [jobLabel]: job,
      [formatLabel]: String(jobFormat),
    },
    configFile: stringifyJson(document(definition)),
    env: stageEnvironment({
      component: definition,
      main: component,
      runId: job,
      project,
      token,
      ...(spec.config !== undefined && { configId: spec.config }),
      configVersion,
      ...(row.id !== undefined && { rowId: row.id }),
      parametersId: row.parametersId,
    }),
    forwardToken: definition.forwardToken,
    asImageUser: definition.features.includes('container-root-user'),
    network: networkOf(definition, policy, networking),
    sysctls: keepalive ? { 'net.ipv4.tcp_keepalive_time': '60' } : {},
    limits: limits.limits,
    memoryText: limits.memoryText,
    memoryFrom: limits.memoryFrom,
    timeoutSeconds: timeout ?? definition.processTimeoutSeconds,
    noApplicationErrors: definition.logging.noApplicationErrors,
  };
}

interface Limited {
  readonly configuration: NormalConfiguration;
  readonly resolved: ResolvedJob;
  readonly options: PlanOptions;
}

/** The job's word on the container size wins over the configuration's (contract 7.7); there are no workspaces whose size it could be. */
function limitsOf(definition: ComponentDefinition, { configuration, resolved, options }: Limited): PlannedLimits {
  const { backend } = resolved.spec;
  const { containerType, backendType } = configuration.runtime;
  const { limits: settings = {}, pidsLimit: pids, policy } = options;
  return planLimits({
    definition,
    size: backend.containerType ?? backend.type ?? containerType ?? backendType,
    isPayAsYouGo: settings.payAsYouGo ?? resolved.project.features.includes('pay-as-you-go'),
    settings,
    policy,
    pids,
  });
}
