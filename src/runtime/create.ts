import { chown, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InfrastructureError } from '../base/errors.ts';
import { anyOfJson, specType } from '../containerd/any.ts';
import { isAlreadyExists, isNotFound } from '../containerd/errors.ts';
import { createSandbox } from '../containerd/sandbox.ts';
import { prepareSnapshot } from '../containerd/snapshot.ts';
import type { ResolvedUser } from '../image/user.ts';
import type { Engine } from './engine.ts';
import { writeEtcFiles } from './etc-files.ts';
import type { Attached, Networks } from './network/types.ts';
import { type RuntimeRecord, stateRootOf } from './oci-runtime.ts';
import { removeContainer } from './remove.ts';
import { type RootfsMounts, throwaway, writableLayer } from './rootfs-mounts.ts';
import { settled } from './settled.ts';
import { type RuntimeSpec, runtimeSpec } from './spec.ts';
import { explainFailedCreate } from './start-failure.ts';
import type { Traces } from './traces.ts';
import type { ContainerRequest, UserNamespace } from './types.ts';

const taskDeadlineMs = 60_000;

/**
 * Log files, record, snapshot and network, task: what comes first is what a crash in between can be cleaned up by. No call is ever cancelled.
 * A failure removes everything again, the log files too.
 */
export async function createContainer(engine: Engine, request: ContainerRequest): Promise<Traces> {
  const [spec, runtime] = await Promise.all([specOf(engine, request), engine.runtime()]);
  const making: Making = { engine, request, spec, runtime };
  await createLogFiles(request.logs);
  try {
    await createRecord(making);
    await createRest(making);
    return tracesOf(making);
  } catch (error) {
    await removeLogFiles(request.logs);
    throw error;
  }
}

interface Making {
  readonly engine: Engine;
  readonly request: ContainerRequest;
  readonly spec: RuntimeSpec;
  readonly runtime: RuntimeRecord;
}

async function specOf(engine: Engine, request: ContainerRequest): Promise<RuntimeSpec> {
  const { cgroups, hardLimits, seesOurMounts } = await engine.facts();
  return runtimeSpec(request, await userOf(engine, request), {
    cgroups,
    hardLimits,
    arch: process.arch,
    ...(request.network !== 'none' && {
      networkNamespace: pathForDaemon(networksOf(engine).namespacePath(request.id), seesOurMounts),
    }),
  });
}

async function userOf(engine: Engine, { user, image }: ContainerRequest): Promise<ResolvedUser> {
  if (user === 'image') return await engine.userOf(image);
  if (engine.setsHome) return { ...user, additionalGids: [] };
  const named = { ...image, config: { ...image.config, user: `${user.uid}:${user.gid}` } };
  // A snapshotter may keep its files to itself.
  const { home } = await engine.userOf(named).catch(() => ({ home: undefined }));
  return { ...user, additionalGids: [], home: home ?? '/' };
}

/** A daemon with mounts of its own finds ours through us (proc(5), `/proc/<pid>/root`), for as long as it makes the task. */
function pathForDaemon(path: string, seesOurMounts: boolean): string {
  return seesOurMounts ? path : `/proc/${process.pid}/root${path}`;
}

function tracesOf({ request, spec, runtime }: Making): Traces {
  return { id: request.id, cgroup: spec.linux.cgroupsPath, stateRoot: stateRootOf(runtime) };
}

async function createRecord(making: Making): Promise<void> {
  const { engine, request, spec, runtime } = making;
  const { client, snapshotter } = engine;
  const { id, labels, image } = request;
  try {
    const container = {
      id,
      labels,
      image: image.name,
      runtime,
      spec: anyOfJson(specType, spec),
      snapshotter,
      snapshotKey: id,
    };
    await client.call('Containers.Create', { container });
  } catch (error) {
    if (isAlreadyExists(error)) {
      throw new InfrastructureError(`there is a container ${id} already`, { hint: 'Ids are used once.', cause: error });
    }
    await removeContainer(engine, tracesOf(making));
    throw error;
  }
}

async function createRest(making: Making): Promise<void> {
  const { engine, request, spec } = making;
  let rootfs: RootfsMounts = [];
  try {
    const preparing = createSnapshot(making);
    const attaching = attachNetwork(making);
    await settled([preparing, attaching]);
    rootfs = await preparing;
    await writeEtcFiles(rootfs, request.hostname, await attaching);
    if (request.userNamespace !== undefined) await handOver(rootfs, request.userNamespace);
    await createTask(making, rootfs);
  } catch (error) {
    const explained = await explainFailedCreate(error, rootfs, spec, request.image.name);
    await removeContainer(engine, tracesOf(making));
    throw explained;
  }
}

async function createSnapshot({ engine, request, runtime }: Making): Promise<RootfsMounts> {
  const { client, snapshotter } = engine;
  const { id, image, labels } = request;
  const { features } = await engine.facts();
  const prepared = prepareSnapshot(client, { snapshotter, key: id, parent: image.chainId, labels }).catch((error) => {
    throw isNotFound(error) ? imageGone(image.name, error) : error;
  });
  await settled([
    prepared,
    // Keeps the exit status of a task that ends while containerd is down.
    features.hasSandboxStore ? createSandbox(client, { id, runtime: runtime.name, labels }) : undefined,
  ]);
  return throwaway((await prepared).mounts);
}

function imageGone(name: string, cause: unknown): InfrastructureError {
  return new InfrastructureError(`the layers of ${name} were removed since it was found ready`, {
    cause,
    reason: 'image_gone',
    hint: 'Pull or import the image again.',
  });
}

async function attachNetwork({ engine, request }: Making): Promise<Attached | undefined> {
  const { id, network: mode, policy } = request;
  return mode === 'none' ? undefined : await networksOf(engine).attach({ id, mode, policy });
}

function networksOf({ networks }: Engine): Networks {
  if (networks !== undefined) return networks;
  throw new InfrastructureError('this runtime was made without networks', { hint: 'Ask for the network "none".' });
}

async function createTask({ engine, request, runtime }: Making, rootfs: RootfsMounts): Promise<void> {
  const { client, creating } = engine;
  const { id, logs } = request;
  const task = { containerId: id, rootfs, stdout: logs.stdout, stderr: logs.stderr, options: runtime.options };
  await creating.run(() => client.call('Tasks.Create', task, { deadlineMs: taskDeadlineMs }));
}

/** The root of the user namespace makes its mount points itself, so the empty root must be its own. */
async function handOver(mounts: RootfsMounts, { hostId }: UserNamespace): Promise<void> {
  const root = writableLayer(mounts);
  if (root === undefined) {
    throw new InfrastructureError('this snapshotter does not show what a container may write', {
      hint: 'Containers in a user namespace need the snapshotter "overlayfs" or "native".',
    });
  }
  for (const path of [root, join(root, 'etc')]) await chown(path, hostId, hostId);
}

/** Readable by us alone; a file, link or anything else in their place is refused. */
async function createLogFiles(logs: ContainerRequest['logs']): Promise<void> {
  const create = async (path: string): Promise<void> => (await open(path, 'wx', 0o600)).close();
  await create(logs.stdout);
  try {
    await create(logs.stderr);
  } catch (error) {
    await rm(logs.stdout, { force: true });
    throw error;
  }
}

async function removeLogFiles(logs: ContainerRequest['logs']): Promise<void> {
  await settled([rm(logs.stdout, { force: true }), rm(logs.stderr, { force: true })]);
}
