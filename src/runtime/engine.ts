import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Containerd } from '../containerd/client.ts';
import { type ContainerdVersion, probe } from '../containerd/version.ts';
import type { ReadyImage } from '../image/types.ts';
import { type ResolvedUser, resolveUser } from '../image/user.ts';
import { type Cgroups, detectCgroups } from './cgroups.ts';
import { findDaemon } from './daemon-limits.ts';
import { createNetworks } from './network/networks.ts';
import type { NetworkSettings, Networks } from './network/types.ts';
import { findRuntime, type OciRuntime, type RuntimeRecord } from './oci-runtime.ts';
import { type HardLimits, lowestOf, parseHardLimits } from './rlimits.ts';
import { machineWide, type Turns } from './turns.ts';

export interface RuntimeOptions {
  /** Name of the snapshotter that holds the images' layers. */
  readonly snapshotter: string;
  /** What runs them; runc when absent. */
  readonly runtime?: OciRuntime;
  /** Folders separated by colons, looked into for the runtime's binary before the system's own. */
  readonly searchPath?: string;
  /** Absent: containers get the network `none` only. */
  readonly networks?: NetworkSettings;
  /** What the daemon says of itself; asked for when absent. */
  readonly version?: ContainerdVersion;
  /** How many tasks of this daemon are created at the same time, by all of our processes; twice the cores when absent, where throughput stops growing. */
  readonly concurrentCreates?: number;
}

/** What every container of one runtime shares. */
export interface Engine {
  readonly client: Containerd;
  readonly snapshotter: string;
  /** Looked for once; a failure to find it is tried again. @throws InfrastructureError reason `runtime_missing` */
  runtime(): Promise<RuntimeRecord>;
  /** Lets a task be created when not too many are. */
  readonly creating: Turns;
  readonly networks: Networks | undefined;
  /** Facts about the daemon and the host, found out once; a failure to find out is tried again. */
  facts(): Promise<Facts>;
  /** The image's own user; looked up once for an image. @throws UserError when the image names a user it does not have. */
  userOf(image: ReadyImage): Promise<ResolvedUser>;
  /** Whether the runtime gives every process a `HOME` as Docker does. runc does; crun gives none to a user whom passwd does not list. */
  readonly setsHome: boolean;
}

export interface Facts {
  readonly features: ContainerdVersion['features'];
  readonly cgroups: Cgroups;
  /** What containers inherit. */
  readonly hardLimits: HardLimits;
  /** Whether the daemon is in our mount namespace. */
  readonly seesOurMounts: boolean;
}

export function createEngine(client: Containerd, options: RuntimeOptions): Engine {
  return {
    client,
    snapshotter: options.snapshotter,
    runtime: once(() => findRuntime(options.runtime ?? { name: 'runc' }, options.searchPath)),
    creating: machineWide(`create ${client.address}`, options.concurrentCreates ?? 2 * availableParallelism()),
    networks: options.networks && createNetworks(options.networks),
    facts: once(() => findFacts(client, options.version)),
    userOf: rememberUsers(client),
    setsHome: (options.runtime?.name ?? 'runc') === 'runc',
  };
}

/** What succeeded is remembered; what failed is tried again by the next one who asks. */
function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= find().catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  };
}

const rememberedUsers = 200;

/** What an image says about its users is a function of its layers and of the user it names. */
function rememberUsers(client: Containerd): Engine['userOf'] {
  const known = new Map<string, ResolvedUser>();
  return async (image) => {
    const key = `${image.snapshotter} ${image.chainId} ${image.config.user}`;
    const user = known.get(key) ?? (await resolveUser(client, image));
    known.set(key, user);
    for (const oldest of known.keys()) {
      if (known.size <= rememberedUsers) break;
      known.delete(oldest);
    }
    return user;
  };
}

async function findFacts(client: Containerd, version: ContainerdVersion | undefined): Promise<Facts> {
  const [{ features }, cgroups] = await Promise.all([version ?? probe(client), detectCgroups()]);
  const [own, daemon] = await Promise.all([readFile('/proc/self/limits', 'utf8'), findDaemon(client, features)]);
  // What a container inherits: the daemon's limits, and never more than our own.
  const hardLimits = lowestOf(parseHardLimits(own), parseHardLimits(daemon.limits));
  return { features, cgroups, hardLimits, seesOurMounts: daemon.seesOurMounts };
}
