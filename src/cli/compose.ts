import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { buildLimitsOf } from '../base/build-settings.ts';
import { collectionRules } from '../base/collection-settings.ts';
import { InfrastructureError } from '../base/errors.ts';
import { imageLimitsOf } from '../base/image-limits.ts';
import type { Config } from '../config.ts';
import { type Containerd, connectContainerd } from '../containerd/client.ts';
import { type ContainerdVersion, probe } from '../containerd/version.ts';
import { accessRulesOf } from '../image/access.ts';
import { createImages, type Images } from '../image/images.ts';
import type { LocalImages } from '../image/local.ts';
import type { Engine } from '../job/types.ts';
import { detectCgroups, emptyCgroups, makeCgroup, removeCgroupParents } from '../runtime/cgroups.ts';
import { createRuntime } from '../runtime/container.ts';
import { countTransfers } from '../runtime/io-accounting.ts';
import { followLog } from '../runtime/logs.ts';
import type { NetworkSettings } from '../runtime/network/types.ts';
import { findRuntime, type OciRuntime } from '../runtime/oci-runtime.ts';
import { freeSpaceGuard } from '../runtime/space.ts';
import { tenantCredentials } from './registry-credentials.ts';

/** On a file system that a restart of the machine empties; everything in it ends with the machine too. */
const networkDirectory = '/run/componentd/network';

export function networkSettingsOf({ networks }: Config): NetworkSettings {
  const { directory, subnet, plugins, nameServers, bridgeAllow, noInternetAllow } = networks;
  return {
    directory: directory ?? networkDirectory,
    subnet: subnet ?? '10.213.0.0/16',
    pluginDirectories: plugins ?? ['/usr/lib/cni', '/opt/cni/bin'],
    nameServers: nameServers ?? [],
    bridgeAllow: bridgeAllow ?? [],
    noInternetAllow: noInternetAllow ?? [],
  };
}

/** The tenant's namespace in containerd: the one function that knows how they correspond. */
export function namespaceOf(tenant: string): string {
  return tenant === 'default' ? 'componentd' : `componentd-${tenant}`;
}

/** A containerd that has answered. */
export interface ConnectedNode {
  readonly client: Containerd;
  readonly version: ContainerdVersion;
}

/** Connects for the tenant. The namespace itself is made with its first image. @throws InfrastructureError naming the socket when containerd does not answer. */
export async function openContainerd(config: Config): Promise<ConnectedNode> {
  const client = connectContainerd({ address: config.address, namespace: namespaceOf(config.tenant) });
  try {
    return { client, version: await probe(client) };
  } catch (error) {
    client.close();
    await refuseWithoutPermission(config.address);
    throw error;
  }
}

/** What looks like a daemon that is away, to a user who may not speak to it. */
async function refuseWithoutPermission(address: string): Promise<void> {
  const failure = await access(address, constants.R_OK | constants.W_OK).catch((error: NodeJS.ErrnoException) => error);
  if (failure?.code !== 'EACCES') return;
  throw new InfrastructureError(`this user may not use containerd's socket ${address}`, {
    cause: failure,
    reason: 'unavailable',
    hint: 'Run componentd as root, or as a member of the group that owns the socket.',
  });
}

/** The same for whoever will run containers. @throws InfrastructureError also when the runtime that was chosen is not there. */
export async function openNode(config: Config): Promise<ConnectedNode> {
  await findRuntime(runtimeOf(config), config.searchPath);
  return await openContainerd(config);
}

function runtimeOf({ runtime: name, runtimes }: Config): OciRuntime {
  return { name, ...(Object.hasOwn(runtimes, name) && runtimes[name]) };
}

/** How the operator wants images had, for the tenant. */
export function imagePlaceOf(config: Config) {
  const { snapshotter, images } = config;
  const { hostsDirectory, signatures } = images;
  return {
    snapshotter,
    credentials: tenantCredentials(config),
    limits: imageLimitsOf(images.limits),
    access: accessRulesOf(images.access),
    ...(signatures !== undefined && { signatures }),
    ...(hostsDirectory !== undefined && { hostsDirectory }),
  };
}

/** The images of the tenant. */
export function openImages(client: Containerd, config: Config): Images {
  return createImages(client, {
    ...imagePlaceOf(config),
    makeRoom: async (makeBytes, signal) => {
      const made = await (await openLocalImages(client, config)).collect({ makeBytes, signal });
      return made !== undefined && made.freedBytes > 0;
    },
  });
}

/** What the tenant has of images on this node, and how they go; loaded only by who asks. */
export async function openLocalImages(client: Containerd, config: Config): Promise<LocalImages> {
  const { snapshotter, images, stateDir, tenant } = config;
  const { createLocalImages } = await import('../image/local.ts');
  const { imageNeedsOf } = await import('../daemon/image-needs.ts');
  const findNeeds = imageNeedsOf(client, { stateDir, tenant });
  return createLocalImages(client, { snapshotter, rules: collectionRules(images.collection), findNeeds });
}

/** What jobs need of the machine, on this containerd. */
export function createJobEngine({ client, version }: ConnectedNode, config: Config): Engine {
  const { snapshotter, searchPath, concurrentCreates } = config;
  const images = openImages(client, config);
  const cgroups = detectCgroups();
  cgroups.catch(() => undefined);
  const runtime = createRuntime(client, {
    snapshotter,
    version,
    runtime: runtimeOf(config),
    searchPath,
    concurrentCreates,
    networks: networkSettingsOf(config),
  });
  return {
    runtime,
    followLog,
    ensureImage: (request, call) => images.ensure(request, call),
    buildImage: async (request, call) => {
      const { openWorkshop } = await import('../runtime/workshop.ts');
      const written = (key: string) => client.call('Snapshots.Usage', { snapshotter, key }, { deadlineMs: 60_000 });
      return images.build(request, {
        ...call,
        building: {
          openWorkshop: (wanted, options) => openWorkshop(runtime, written, { request: wanted, options }),
          limits: buildLimitsOf(config.images.build),
        },
      });
    },
    makeCgroup: async (path) => {
      await makeCgroup(await cgroups, path);
      await countTransfers(await cgroups, path, config.stateDir);
    },
    removeCgroup: async (path) => removeCgroupParents(await cgroups, path, '/'),
    guardFreeSpace: (path, signal) => freeSpaceGuard({ path }, signal),
  };
}

/** Names of the cgroups right below `parent` that hold nothing. */
export async function findEmptyCgroups(parent: string): Promise<readonly string[]> {
  return emptyCgroups(await detectCgroups(), parent);
}
