import { join } from 'node:path';
import { within } from '../../base/abort.ts';
import { classify, UserError } from '../../base/errors.ts';
import type { Stream } from '../../base/events.ts';
import { privateDirectory } from '../../base/files.ts';
import { derivedId } from '../../base/ids.ts';
import type { Json } from '../../base/json.ts';
import type { Scope } from '../../base/scope.ts';
import type { Container, ContainerRequest, TaskExit, Usage } from '../../runtime/types.ts';
import type { DataDir } from '../data-dir.ts';
import { Directory, removeTree } from '../directory.ts';
import { folderLabel, jobLabel } from '../labels.ts';
import { cgroupOf, discardContainer } from '../traces.ts';
import { type Ear, type Heard, listen } from './heard.ts';
import { differences, type Listed, listTree } from './listing.ts';
import { furnish } from './place.ts';
import { lookAt, type ProcessLook } from './processes.ts';
import type { CheckRequest, CheckTools } from './types.ts';

/** What every trial of one check shares. */
export interface Laboratory {
  readonly request: CheckRequest;
  readonly tools: CheckTools;
  /** The check's own folder. */
  readonly folder: string;
  readonly scope: Scope;
  /** Aborted with the error that ends the check. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string>>;
}

/** One run of the image. */
export interface TrialPlan {
  /** Tells its folder and its container from those of the others. */
  readonly number: number;
  readonly config: Json;
  readonly secrets: readonly string[];
  readonly user: 'runner' | 'image';
  /** It is asked to stop after so many milliseconds, or as soon as it handles SIGTERM. */
  readonly stopsAfterMs?: number;
}

export interface Trial {
  readonly isStarted: true;
  readonly dir: DataDir;
  readonly exit: TaskExit;
  readonly endedBy: 'itself' | 'timeout' | 'quota' | 'stop';
  readonly usage: Usage;
  readonly durationMs: number;
  /** From SIGTERM to the end. */
  readonly stopMs: number;
  /** The last look at its processes. */
  readonly look: ProcessLook;
  readonly heard: Readonly<Record<Stream, Heard>>;
  /** Files it wrote in its root, twenty at most. */
  readonly wrote: readonly string[];
  /** What it did to `in` and `config.json`, in words. */
  readonly changed: readonly string[];
}

export interface Unstarted {
  readonly isStarted: false;
  readonly fault: string;
  readonly hint: string | undefined;
}

/** After a timeout, or for a process that will not hear SIGTERM. */
const shortGraceMs = 2_000;
const dockerShmBytes = 64 * 2 ** 20;
const mostWritten = 20;

/** Runs the image once and gathers what can be seen from outside. The container is gone when this resolves; its data folder stays. */
export async function runTrial(plan: TrialPlan, at: Laboratory): Promise<Trial | Unstarted> {
  const { request, folder, scope, signal } = at;
  const { dataFolder, isProcessor } = request;
  signal.throwIfAborted();
  const dir = await furnish(folder, plan.number, { config: plan.config, isProcessor, dataFolder });
  const before = await inputsOf(dir);
  const wanted = await containerRequest(plan, dir, at);
  const what = `container ${wanted.id.slice(0, 12)}`;
  scope.own(what, () => discardContainer(at.tools.engine.runtime, wanted.id));
  let container: Container;
  try {
    container = await at.tools.engine.runtime.create(wanted);
  } catch (thrown) {
    const error = classify(thrown);
    if (error.class !== 'user' && error.class !== 'application') throw error;
    scope.forget(what);
    return { isStarted: false, fault: error.message, hint: error.hint };
  }
  const { engine, settings } = at.tools;
  const { followLog } = engine;
  const { logBacklogBytes: backlogBytes } = settings;
  const ear = listen({ paths: wanted.logs, secrets: plan.secrets, followLog, backlogBytes });
  try {
    const ended = await runToEnd({ plan, container, wanted, ear }, at);
    await container.remove();
    scope.forget(what);
    ear.ended();
    const heard = await ear.heard();
    await Promise.all([removeTree(wanted.logs.stdout), removeTree(wanted.logs.stderr)]);
    return { isStarted: true, dir, heard, ...ended, changed: await changesSince(before, dir) };
  } finally {
    ear.ended();
  }
}

interface Running {
  readonly plan: TrialPlan;
  readonly container: Container;
  readonly wanted: ContainerRequest;
  readonly ear: Ear;
}

async function runToEnd({ plan, container, wanted, ear }: Running, { tools, request, signal }: Laboratory) {
  const exited = container.wait();
  exited.catch(() => undefined);
  const started = Date.now();
  const unstarted = Promise.withResolvers<never>();
  // Looked at from the first instant on.
  const starting = container.start();
  let runningSince: number | undefined;
  starting.then(() => {
    runningSince = Date.now();
  }, unstarted.reject);
  const ending = Promise.race([exited, unstarted.promise]);
  ending.catch(() => undefined);
  const elapsed = (): number => Date.now() - started;
  let look: ProcessLook = { onSigterm: undefined, detached: [] };
  let endedBy: Trial['endedBy'] = 'itself';
  let stopped: number | undefined;
  for (let exit: TaskExit | undefined; exit === undefined && endedBy === 'itself'; ) {
    exit = await within(ending, pauseMs(elapsed()));
    if (exit !== undefined) break;
    signal.throwIfAborted();
    look = laterLook(look, await lookAt(await tools.look.processesIn(wanted)));
    if (elapsed() > request.timeoutSeconds * 1_000) endedBy = 'timeout';
    else if (ear.isFlooded()) endedBy = 'quota';
    else if (isTimeToStop(plan, look, elapsed())) endedBy = 'stop';
    if (endedBy === 'itself') continue;
    stopped = Date.now();
    const hears = endedBy === 'stop' && look.onSigterm === 'handled';
    await container.stop(hears ? tools.settings.graceMs : shortGraceMs);
  }
  await starting;
  const exit = await exited;
  const endedAt = Date.parse(exit.exitedAt);
  return {
    exit,
    endedBy: endedBy === 'stop' && endedAt < (stopped ?? 0) ? ('itself' as const) : endedBy,
    look,
    usage: await container.usage(),
    durationMs: Math.max(0, endedAt - (runningSince ?? endedAt)),
    stopMs: stopped === undefined ? 0 : Math.max(0, endedAt - stopped),
    wrote: await tools.look.writtenInRoot(wanted.id, mostWritten),
  };
}

/** Once the first process is gone the kernel has ended the others: what was seen before counts. */
function laterLook(before: ProcessLook, now: ProcessLook): ProcessLook {
  return now.onSigterm === undefined ? before : now;
}

/** Often at first: what goes wrong at once is seen at once. */
function pauseMs(elapsedMs: number): number {
  if (elapsedMs < 300) return 2;
  return elapsedMs < 1_000 ? 10 : 50;
}

const settlingMs = 200;

function isTimeToStop({ stopsAfterMs }: TrialPlan, { onSigterm }: ProcessLook, elapsedMs: number): boolean {
  if (stopsAfterMs === undefined) return false;
  return elapsedMs >= stopsAfterMs || (onSigterm === 'handled' && elapsedMs >= settlingMs);
}

/** What the component is to leave as it is. */
async function inputsOf({ data }: DataDir): Promise<readonly Listed[]> {
  await using directory = await Directory.open(data, 'data');
  return await listTree(directory, (path) => path === 'config.json' || path === 'in' || path.startsWith('in/'));
}

/** A folder that cannot even be listed was changed for certain. */
async function changesSince(before: readonly Listed[], dir: DataDir): Promise<readonly string[]> {
  try {
    return differences(before, await inputsOf(dir));
  } catch (error) {
    if (error instanceof UserError) return [error.message];
    throw error;
  }
}

async function containerRequest(plan: TrialPlan, dir: DataDir, at: Laboratory): Promise<ContainerRequest> {
  const { request, folder, env, tools } = at;
  const id = derivedId('check', request.id, String(plan.number));
  const logs = await privateDirectory(join(folder, 'logs'));
  return {
    id,
    image: request.image,
    labels: { [jobLabel]: request.id, [folderLabel]: folder, 'componentd.formatVersion': '1' },
    cgroupParent: cgroupOf({ tenant: tools.settings.tenant, job: request.id }),
    env,
    mounts: [
      { source: dir.data, destination: '/data' },
      { source: join(dir.root, 'tmp-0'), destination: '/tmp' },
    ],
    user: plan.user === 'image' ? 'image' : { uid: 1000, gid: 1000 },
    hostname: id.slice(0, 12),
    network: 'none',
    sysctls: {},
    limits: {
      memoryBytes: request.memory.bytes,
      cpus: 2,
      pids: tools.settings.pidsLimit,
      shmBytes: dockerShmBytes,
    },
    policy: tools.settings.policy,
    logs: { stdout: join(logs, `${plan.number}.stdout`), stderr: join(logs, `${plan.number}.stderr`) },
  };
}
