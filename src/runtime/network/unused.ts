import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../../base/owner.ts';
import { detach, profilesOf, type Shared } from './detach.ts';
import { applyRules, rulesDiffer } from './iptables.ts';
import { isNamespace, removeNamespace } from './namespaces.ts';
import { leasesFolder, namespacePath, namespacesFolder, recordPath } from './places.ts';
import { type AttachmentRecord, allRecords } from './records.ts';
import type { Unused } from './types.ts';

/** A container whose maker died a moment ago may still be on its way into its namespace. */
const youngMs = 60_000;

/**
 * What a crash left and no container's removal will find: attachments whose maker is gone and in which nothing runs, and namespaces,
 * addresses and rules that belong to no attachment. Looks in turn: nothing of that is made or removed meanwhile.
 */
export async function findUnused(shared: Shared): Promise<readonly Unused[]> {
  const { directory } = shared.settings;
  if (!existsSync(directory)) return [];
  return await shared.turn(async () => {
    const records = await allRecords(directory);
    const known = new Set(records.map(({ id }) => id));
    return [
      ...(await abandoned(records, shared)),
      ...(await namespacesOfNobody(directory, known)),
      ...(await leasesOfNobody(known, shared)),
      ...(await rulesOfNobody(records, shared)),
    ];
  });
}

async function abandoned(records: readonly AttachmentRecord[], shared: Shared): Promise<Unused[]> {
  const { directory } = shared.settings;
  const candidates: string[] = [];
  for (const { id, owner } of records) {
    const { mtimeMs } = await stat(recordPath(directory, id));
    if (mtimeMs < Date.now() - youngMs && !(await isAlive(owner))) candidates.push(id);
  }
  if (candidates.length === 0) return [];
  const inhabited = await inhabitedNamespaces();
  const unused: Unused[] = [];
  for (const id of candidates) {
    const path = namespacePath(directory, id);
    if ((await isNamespace(path)) && inhabited.has((await stat(path)).ino)) continue;
    unused.push({
      kind: 'network',
      id,
      why: 'nothing runs in it, and the process that made it is gone',
      remove: () => detach(id, shared),
    });
  }
  return unused;
}

/** Inodes of the network namespaces in which any process of the machine is. */
async function inhabitedNamespaces(): Promise<ReadonlySet<number>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // A process that ends meanwhile is in none.
  const inodes = await Promise.all(pids.map((pid) => stat(`/proc/${pid}/ns/net`).then(({ ino }) => ino, whenGone)));
  return new Set(inodes.filter((ino) => ino !== undefined));
}

async function namespacesOfNobody(directory: string, known: ReadonlySet<string>): Promise<Unused[]> {
  const names = await readdir(namespacesFolder(directory)).catch(emptyWhenGone);
  return names
    .filter((id) => !known.has(id))
    .map((id) => ({
      kind: 'network',
      id,
      why: 'is a namespace of no container',
      remove: () => removeNamespace(directory, id),
    }));
}

/** `host-local` keeps a file for each address, named like it, with the container's id in the first line. */
async function leasesOfNobody(known: ReadonlySet<string>, { settings, turn }: Shared): Promise<Unused[]> {
  const { directory } = settings;
  const folder = leasesFolder(directory);
  const networks = await readdir(folder).catch(emptyWhenGone);
  const why = 'is reserved for no container';
  if (known.size === 0 && networks.length > 0) {
    const removeAll = async (): Promise<void> => {
      if ((await allRecords(directory)).length === 0) await rm(folder, { recursive: true, force: true });
    };
    return [{ kind: 'address', id: settings.subnet, why, remove: () => turn(removeAll) }];
  }
  const unused: Unused[] = [];
  for (const network of networks) {
    for (const address of (await readdir(join(folder, network))).filter((name) => /^[\d.]+$/.test(name))) {
      const path = join(folder, network, address);
      const [id = ''] = (await readFile(path, 'utf8')).split(/\s/);
      if (!known.has(id)) unused.push({ kind: 'address', id: address, why, remove: () => rm(path, { force: true }) });
    }
  }
  return unused;
}

async function rulesOfNobody(records: readonly AttachmentRecord[], { prefix, settings, turn }: Shared) {
  // Whoever is being attached waits for its turn to see to them.
  for (const { result, owner } of records) if (result === undefined && (await isAlive(owner))) return [];
  if (!(await rulesDiffer(prefix, profilesOf(records, prefix)))) return [];
  const remove = async (): Promise<void> => {
    await turn(async () => applyRules(prefix, profilesOf(await allRecords(settings.directory), prefix)));
  };
  const why = 'are not those that the containers of the node need';
  return [{ kind: 'rules', id: `${prefix}*`, why, remove } as const];
}

function whenGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH' && error.code !== 'EACCES') throw error;
}

function emptyWhenGone(error: NodeJS.ErrnoException): string[] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}
