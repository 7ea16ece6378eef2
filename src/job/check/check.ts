import { join } from 'node:path';
import { classify, UserError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import { createRedactor } from '../../base/redactor.ts';
import { Scope } from '../../base/scope.ts';
import { parseDefinition } from '../definition.ts';
import { removeTree } from '../directory.ts';
import { stageEnvironment } from '../environment.ts';
import { createPassingFolder, removeFolder } from '../folder.ts';
import { cgroupOf } from '../traces.ts';
import { type CheckName, checkNames } from './catalogue.ts';
import { givenConfig, minimalConfig, type TrialConfig } from './configuration.ts';
import { checkImage } from './image-checks.ts';
import {
  checkDocuments,
  checkManifests,
  checkRegular,
  checkState,
  checkTables,
  type Left,
  readLeft,
} from './out-checks.ts';
import { refuseOddDataFolder } from './place.ts';
import {
  checkInputs,
  checkMessage,
  checkOutput,
  checkProcesses,
  checkRights,
  checkRoot,
  checkRun,
  checkSecrets,
  type FirstRun,
} from './run-checks.ts';
import { checkMistake, checkStop } from './stop-checks.ts';
import { type Laboratory, runTrial, type Trial, type TrialPlan, type Unstarted } from './trial.ts';
import type { CheckRequest, CheckResult, CheckTools, Tell } from './types.ts';

export interface CheckCall {
  /** Gets each result as soon as it is known, redacted. */
  readonly tell: Tell;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Finds out whether an image keeps the component contract: looks at it, runs it a few times without a network and with empty or given
 * inputs, and looks at what it left. Every check of the catalogue is told once. Containers, data and cgroup are gone when this ends; what
 * a crash leaves is removed by a sweep.
 * @throws InfrastructureError, and UserError as {@link refuseWrongDocuments}
 */
export async function checkContract(request: CheckRequest, tools: CheckTools, call: CheckCall): Promise<void> {
  const { settings, engine } = tools;
  const { isProcessor } = request;
  const minimal = minimalConfig(isProcessor);
  const config = request.config === undefined ? minimal : givenConfig(request.config, isProcessor);
  const ending = new AbortController();
  const guarding = new AbortController();
  await using scope = new Scope(call.emit);
  const folder = join(settings.stateDir, 'jobs', request.id);
  scope.own('folder of the check', () => removeFolder(folder));
  const cgroup = cgroupOf({ tenant: settings.tenant, job: request.id });
  scope.own('cgroup of the check', () => engine.removeCgroup(cgroup));
  await createPassingFolder(settings.stateDir, request.id);
  await engine.makeCgroup(cgroup);
  engine.guardFreeSpace(folder, guarding.signal).catch((error: unknown) => ending.abort(classify(error)));
  try {
    const signal = AbortSignal.any([call.signal, ending.signal]);
    const at: Laboratory = { request, tools, folder, scope, signal, env: environment(request) };
    const tell = redacting(call.tell, [...minimal.secrets, ...config.secrets]);
    await checkAll({ config, minimal, tell }, at);
    signal.throwIfAborted();
  } finally {
    guarding.abort();
  }
}

/** @throws UserError for a configuration or a folder of inputs that cannot be used */
export async function refuseWrongDocuments({
  config,
  dataFolder,
  isProcessor,
}: Pick<CheckRequest, 'config' | 'dataFolder' | 'isProcessor'>): Promise<void> {
  if (dataFolder !== undefined) await refuseOddDataFolder(dataFolder);
  if (config !== undefined) givenConfig(config, isProcessor);
}

/** Tells what comes of an image that cannot be used at all. */
export function tellUnusable(saw: string, hint: string, tell: Tell): void {
  tell({ check: 'platform', status: 'failed', saw, hint });
  skip(checkNames.slice(1), 'the image cannot be used', tell);
}

interface Checking {
  readonly config: TrialConfig;
  readonly minimal: TrialConfig;
  readonly tell: Tell;
}

async function checkAll({ config, minimal, tell }: Checking, at: Laboratory): Promise<void> {
  const { request, tools } = at;
  const isConfigGiven = request.config !== undefined;
  const ofImage = await checkImage(request, tools.look);
  for (const result of ofImage) tell(result);
  const rest = checkNames.slice(ofImage.length);
  if (ofImage.some(({ check, status }) => check === 'command' && status === 'failed')) {
    return skip(rest, 'its command cannot be executed', tell);
  }

  const trial = await runTrial({ ...config, number: 0, user: 'runner' }, at);
  if (!trial.isStarted) {
    const hint = trial.hint ?? 'Mend ENTRYPOINT, CMD or WORKDIR of the image.';
    tell({ check: 'run', status: 'failed', saw: trial.fault, hint });
    return skip(rest.slice(1), 'it could not be started', tell);
  }
  const first: FirstRun = { request, trial, isConfigGiven };
  tell(checkRun(first));
  tell(checkRights(first, await runAsImageUser(first, config, at)));
  for (const check of [checkMessage, checkOutput]) tell(check(first));
  tell(checkSecrets(first, config.secrets));
  for (const check of [checkRoot, checkInputs]) tell(check(first));
  await checkOut(first, { tell, wanted: config.wanted }, at);
  tell(checkProcesses(first));

  tell(await checkStopping(trial, config, at));
  tell(checkMistake(isConfigGiven ? await runAside({ ...minimal, number: 3, user: 'runner' }, at) : trial, first));
}

/** What ends within a second is rarely stopped, and whether it was cannot be told for certain. */
const shortMs = 1_000;

async function checkStopping(first: Trial, config: TrialConfig, at: Laboratory): Promise<CheckResult> {
  if (first.durationMs < shortMs) return { check: 'stop', status: 'skipped', saw: 'it ends by itself within a second' };
  const stopsAfterMs = Math.min(first.durationMs / 2, 3_000);
  const trial = await runAside({ ...config, number: 2, user: 'runner', stopsAfterMs }, at);
  return checkStop(trial, at.tools.settings.graceMs);
}

/** Where the failure may be one of rights: the same once more, as the user that the image names. */
async function runAsImageUser(
  { request, trial }: FirstRun,
  config: TrialConfig,
  at: Laboratory,
): Promise<Trial | Unstarted | undefined> {
  const isFailed = trial.endedBy === 'itself' && trial.exit.code !== 0 && trial.usage.oomKills === 0;
  if (!isFailed || /^1000(:1000)?$/.test(request.image.config.user)) return undefined;
  return await runAside({ ...config, number: 1, user: 'image' }, at);
}

/** A trial whose files nobody asks for. */
async function runAside(plan: TrialPlan, at: Laboratory): Promise<Trial | Unstarted> {
  const trial = await runTrial(plan, at);
  if (trial.isStarted) await removeTree(trial.dir.root);
  return trial;
}

const ofOut = ['regular', 'manifests', 'tables', 'state', 'documents'] as const;

async function checkOut(
  { request, trial }: FirstRun,
  { tell, wanted }: Pick<Checking, 'tell'> & Pick<TrialConfig, 'wanted'>,
  { tools, signal }: Laboratory,
): Promise<void> {
  // Of a component that failed nothing leaves: what is half written breaks no rule.
  const lenient: Tell = (result) =>
    tell(trial.exit.code !== 0 && result.status === 'failed' ? { ...result, status: 'warning' } : result);
  let left: Left;
  try {
    left = await readLeft(trial.dir, wanted);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    lenient({
      check: 'regular',
      status: 'failed',
      saw: error.message,
      hint: error.hint ?? 'Fill the folders that are there; do not replace them.',
    });
    return skip(ofOut.slice(1), 'out cannot be read', tell);
  }
  await using _out = left.out;
  lenient(checkRegular(left));
  lenient(checkManifests(left));
  lenient(await checkTables(left, tools, signal));
  lenient(await checkState(left, request));
  lenient(await checkDocuments(left));
}

function skip(checks: readonly CheckName[], saw: string, tell: Tell): void {
  for (const check of checks) tell({ check, status: 'skipped', saw });
}

/** Whatever is quoted of a component was made of its output and its files. */
function redacting(tell: Tell, secrets: readonly string[]): Tell {
  const { redactText } = createRedactor(secrets);
  return (result: CheckResult) => tell({ ...result, saw: redactText(result.saw) });
}

/** What a job of a project without features would give it (contract 3.6). */
function environment({ id }: CheckRequest): Readonly<Record<string, string>> {
  const definition = parseDefinition(
    JSON.stringify({ id: 'check.image', data: { definition: { type: 'dockerhub', uri: 'check/image' } } }),
  );
  return stageEnvironment({
    component: definition,
    main: definition,
    runId: id,
    project: {
      id: '1',
      name: 'check',
      features: [],
      stackId: 'localhost',
      url: 'http://localhost',
      fileStorageProvider: 'aws',
      branchId: '1',
    },
    token: { id: '1', description: 'check' },
    configVersion: '1',
    configId: '1',
    parametersId: '',
  });
}
