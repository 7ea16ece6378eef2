import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { UsageError, UserError } from '../base/errors.ts';
import { privateDirectory, readTextIfPresent, writeFileDurably } from '../base/files.ts';
import { ulid } from '../base/ids.ts';
import type { CrashPoint } from '../base/journal.ts';
import { fromPlain, isJsonObject, type Json, parseJson, stringifyJson } from '../base/json.ts';
import { hideSecrets } from '../base/secrets.ts';
import type { Config } from '../config.ts';
import { releaseDeadLeases } from '../daemon/sweep.ts';
import { createJobFolder, type JobFolder, releaseFolder, reopenJobFolder } from '../job/folder.ts';
import { planJob } from '../job/plan.ts';
import { resolveJob } from '../job/resolve.ts';
import { type JobSpec, parseJobSpec } from '../job/spec.ts';
import type { Plan } from '../job/types.ts';
import { networkFault } from '../runtime/network/plugins.ts';
import { safeJson } from '../sinks/format.ts';
import { type ConnectedNode, networkSettingsOf, openNode } from './compose.ts';
import { executeAndPrint } from './execute.ts';
import { print } from './output.ts';
import { type OpenProject, withProject } from './project.ts';
import type { Session } from './session.ts';

const maxJobFileBytes = 16 * 1024 * 1024;

/** Flags that describe a job without a job file. */
export interface JobOptions {
  readonly config?: string;
  readonly row: readonly string[];
  readonly tag?: string;
}

/** Plans the job, makes it durable and runs it. Nothing is started before everything that can be checked has been. */
export async function runTarget(target: string, options: JobOptions, session: Session): Promise<void> {
  const { config } = session;
  const spec = await readSpec(target, options);
  await withNode(config, async (project, connected) => {
    const plan = await makePlan(spec, project, config);
    const node = await connected;
    const storage = project.storage.actingAs(plan.token.id);
    const folder = await createJobFolder(config.stateDir, plan, crashPointOf(config));
    await executeAndPrint({ folder, resumed: false, project: { ...project, storage }, node }, session);
  });
}

/** Goes on with a job of this state directory. */
export async function resumeJob(job: string, session: Session): Promise<void> {
  const { config } = session;
  await withNode(config, async (project, connected) => {
    const node = await connected;
    const folder = await reopenJobFolder(config.stateDir, job, crashPointOf(config));
    const own = await projectOf(folder, project, config);
    await releaseDeadLeases(node.client);
    await executeAndPrint({ folder, resumed: true, project: own, node }, session);
  });
}

/**
 * The project with the rights of the token that the job was planned for. A job goes on only where it began: elsewhere neither its containers
 * nor its outputs would be found.
 */
async function projectOf(
  { plan, path, journal }: JobFolder,
  project: OpenProject,
  config: Config,
): Promise<OpenProject> {
  const { storage } = project;
  try {
    if (plan.project.id !== storage.project.id || plan.tenant !== config.tenant)
      throw foreignJob(plan, project, config);
    return { ...project, storage: storage.actingAs(plan.token.id, plan.token) };
  } catch (error) {
    await journal[Symbol.asyncDispose]();
    await releaseFolder(path);
    throw error;
  }
}

function foreignJob(plan: Plan, { storage }: OpenProject, config: Config): UserError {
  return new UserError(
    `job ${plan.job} belongs to project ${plan.project.id} of tenant ${plan.tenant}, and this is project ${storage.project.id} of tenant ${config.tenant}`,
    {
      hint: 'Name its project with --project.',
    },
  );
}

/** Connects while the project is opened and the job planned: a mistake in the job is still what is told first. */
async function withNode(
  config: Config,
  work: (project: OpenProject, connected: Promise<ConnectedNode>) => Promise<void>,
): Promise<void> {
  const connected = openNode(config);
  connected.catch(() => undefined);
  try {
    await withProject(config, (project) => work(project, connected));
  } finally {
    await connected.then(
      ({ client }) => client.close(),
      () => undefined,
    );
  }
}

/** Prints the plan as JSON, with the documents inside it readable and every secret hidden. */
export async function planTarget(target: string, options: JobOptions, session: Session): Promise<void> {
  const spec = await readSpec(target, options);
  await withProject(session.config, async (project) => {
    const plan = await makePlan(spec, project, session.config);
    print(safeJson(stringifyJson(hideSecrets(readable(fromPlain(plan))), session.json ? 0 : 2)));
  });
}

/** Looks up what the job names and takes every decision. @throws UserError with every problem */
export async function makePlan(spec: JobSpec, { storage, cipher }: OpenProject, config: Config): Promise<Plan> {
  const own = spec.token === undefined ? storage : storage.actingAs(spec.token);
  const resolved = await resolveJob(spec, own, cipher);
  const networks = networkSettingsOf(config);
  const fault = networkFault(networks.pluginDirectories);
  const plan = planJob(resolved, {
    job: ulid(),
    attempt: 1,
    node: await nodeId(config.stateDir),
    tenant: config.tenant,
    policy: config.policy,
    now: new Date(),
    pidsLimit: config.pidsLimit,
    limits: config.limits,
    ...(config.images.policy !== undefined && { pullPolicy: config.images.policy }),
    networking: fault === undefined ? {} : { fault },
  });
  const isConnected = plan.rows.some(({ stages }) => stages.some(({ network }) => network !== 'none'));
  if (!isConnected) return plan;
  const { networkNotes } = await import('../runtime/network/outlook.ts');
  return { ...plan, warnings: [...plan.warnings, ...(await networkNotes(networks))] };
}

async function readSpec(target: string, { config, row, tag }: JobOptions): Promise<JobSpec> {
  if (target !== '-' && !target.endsWith('.json')) {
    if (config === undefined) {
      throw new UsageError(`which configuration of "${target}"?`, {
        hint: 'Name it with --config, or give a job file (*.json, or -).',
      });
    }
    const body = {
      component: target,
      config,
      ...(row.length > 0 && { configRowIds: row }),
      ...(tag !== undefined && { tag }),
    };
    return parseJobSpec(JSON.stringify(body), 'command line');
  }
  if (config !== undefined || row.length > 0 || tag !== undefined) {
    throw new UsageError('--config, --row and --tag do not go with a job file', {
      hint: 'Write them into the file: config, configRowIds, tag.',
    });
  }
  if (target === '-') return parseJobSpec(await text(process.stdin), 'standard input');
  const content = await readFile(target).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`the job file ${target} cannot be read: ${error.message}`, { cause: error });
  });
  if (content.length > maxJobFileBytes)
    throw new UserError(`the job file ${target} is larger than ${maxJobFileBytes} bytes`);
  return parseJobSpec(content.toString('utf8'), target);
}

/** The plan keeps users' documents as text; a reader wants to see into them. */
function readable(plan: Json): Json {
  const documents = new Set(['configFile', 'mapping', 'state', 'storageState']);
  if (Array.isArray(plan)) return (plan as readonly Json[]).map(readable);
  if (!isJsonObject(plan)) return plan;
  return new Map(
    Array.from(plan, ([key, value]) => {
      if (key === 'encryptedPassword' || key === 'encryptedValue') return [key, '[hidden]'];
      return [key, documents.has(key) && typeof value === 'string' ? parseJson(value) : readable(value)];
    }),
  );
}

/** Tells this node from others that share a Storage; made once per state directory. */
async function nodeId(stateDir: string): Promise<string> {
  const path = join(await privateDirectory(stateDir), 'node');
  const known = await readTextIfPresent(path);
  if (known !== undefined) return known.trim();
  const made = randomUUID();
  await writeFileDurably(path, `${made}\n`);
  return made;
}

/** Where a test wants the process to end: see `Journal`. */
function crashPointOf({ crashAt }: Config): CrashPoint | undefined {
  if (crashAt === undefined) return undefined;
  return (point) => {
    if (point === crashAt) process.kill(process.pid, 'SIGKILL');
  };
}
