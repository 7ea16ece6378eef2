import { dirname, join } from 'node:path';
import { ulidPattern, ulidTime } from '../base/ids.ts';
import { isAlive, ownerLabel, parseOwner } from '../base/owner.ts';
import type { Containerd } from '../containerd/client.ts';
import { deleteLease } from '../containerd/lease.ts';
import { reasonToEnd } from '../job/abandon.ts';
import { jobsFolder, liveOwner } from '../job/folder.ts';
import { jobFolders } from '../job/peek.ts';
import { cgroupOf } from '../job/traces.ts';
import { sweepJobs } from './sweep-jobs.ts';
import { attempt, type SweepOptions, type Swept } from './swept.ts';

/**
 * Removes what a crash left: containers, leases, cgroups, networks and job data whose owner, told by pid, start time and boot, is gone. What belongs
 * to a live process is never touched, whichever state directory it works in. A job that had no result gets the result `lost`.
 */
export async function sweep(options: SweepOptions): Promise<void> {
  await sweepJobs(options);
  await sweepLeases(options);
  await sweepCgroups(options);
  await sweepNetworks(options);
}

/** After the containers, whose removal takes their networks along. */
async function sweepNetworks(options: SweepOptions): Promise<void> {
  try {
    for (const { kind, id, why, remove } of await options.networks.unused()) {
      await attempt(options, { kind, id, why }, remove);
    }
  } catch (error) {
    options.onFailed({ kind: 'network', id: 'of this node', why: 'cannot be looked at' }, error);
  }
}

async function sweepLeases(options: SweepOptions): Promise<void> {
  const { client } = options;
  for (const id of await ofTwoLooks(() => leasesOfTheDead(client))) {
    const lease: Swept = { kind: 'lease', id, why: 'of a process that is gone' };
    await attempt(options, lease, () => deleteLease(client, id, { sync: true }));
  }
}

/** Lets go of what images in the making held when their process died. */
export async function releaseDeadLeases(client: Containerd): Promise<void> {
  for (const id of await leasesOfTheDead(client)) await deleteLease(client, id, { sync: true });
}

async function leasesOfTheDead(client: Containerd): Promise<readonly string[]> {
  const { leases } = await client.call('Leases.List', { filters: [`labels."${ownerLabel}"`] });
  const dead: string[] = [];
  for (const { id, labels } of leases) {
    const owner = parseOwner(labels[ownerLabel] ?? '');
    if (owner === undefined || !(await isAlive(owner))) dead.push(id);
  }
  return dead;
}

/** A process that ends takes its things away first: what is still there after its owner was seen to be gone has no owner. */
async function ofTwoLooks(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const first = await look();
  if (first.length === 0) return [];
  const second = new Set(await look());
  return first.filter((found) => second.has(found));
}

async function sweepCgroups(options: SweepOptions): Promise<void> {
  const { tenant, engine } = options;
  const parent = dirname(cgroupOf({ tenant, job: 'any' }));
  for (const job of await ofTwoLooks(() => cgroupsOfNobody(parent, options))) {
    const cgroup: Swept = { kind: 'cgroup', id: job, why: 'is empty; its job is gone' };
    await attempt(options, cgroup, () => engine.removeCgroup(cgroupOf({ tenant, job })));
  }
  if (options.dryRun) return;
  await engine.removeCgroup(parent).catch((error: unknown) => {
    options.onFailed({ kind: 'cgroup', id: tenant, why: 'is empty' }, error);
  });
}

async function cgroupsOfNobody(parent: string, options: SweepOptions): Promise<readonly string[]> {
  const known = new Set(await jobFolders(options.stateDir));
  const found: string[] = [];
  for (const job of await options.emptyCgroups(parent)) {
    if (ulidPattern.test(job) && (await isOver(job, known, options))) found.push(job);
  }
  return found;
}

const dayMs = 24 * 60 * 60 * 1000;

/** A job that we know nothing of may belong to another state directory and have no container at the moment. */
async function isOver(job: string, known: ReadonlySet<string>, { stateDir, tenant }: SweepOptions): Promise<boolean> {
  const folder = join(jobsFolder(stateDir), job);
  if (!known.has(folder)) return ulidTime(job) < Date.now() - dayMs;
  return (await liveOwner(folder)) === undefined && (await reasonToEnd(folder, tenant)) === undefined;
}
