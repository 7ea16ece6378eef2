import { rm } from 'node:fs/promises';
import { del } from './cni.ts';
import { applyRules } from './iptables.ts';
import { isNamespace, removeNamespace } from './namespaces.ts';
import { leasesFolder, namespacePath } from './places.ts';
import { groupOf } from './profile.ts';
import { type AttachmentRecord, allRecords, readRecord, removeRecord } from './records.ts';
import { untilNobodyWorksFor } from './stragglers.ts';
import type { Together, Turn } from './turn.ts';
import type { NetworkSettings } from './types.ts';

/** What all attachments of one process have in common. */
export interface Shared {
  readonly settings: NetworkSettings;
  readonly turn: Turn;
  readonly together: Together;
  readonly prefix: string;
}

/** Address, namespace, record, and with the last of its kind the rules. After a crash it goes on where it was. */
export async function detach(id: string, { settings, turn, prefix }: Shared): Promise<void> {
  const { directory } = settings;
  const record = await readRecord(directory, id);
  if (record === undefined) return await removeRecord(directory, id);
  await untilNobodyWorksFor(record.owner);
  const path = namespacePath(directory, id);
  const namespace = (await isNamespace(path)) ? path : '';
  await del({ network: record.network, containerId: id, namespace, result: record.result });
  await removeNamespace(directory, id);
  await turn(async () => {
    const others = (await allRecords(directory)).filter((other) => other.id !== id);
    const isLast = !others.some(({ profile }) => groupOf(prefix, profile) === groupOf(prefix, record.profile));
    if (isLast) await applyRules(prefix, profilesOf(others, prefix));
    if (others.length === 0) await rm(leasesFolder(directory), { recursive: true, force: true });
    // Last, because by it a later process finds the rest.
    await removeRecord(directory, id);
  });
}

/** One for each group. */
export function profilesOf(records: readonly AttachmentRecord[], prefix: string) {
  const byGroup = new Map(records.map(({ profile }) => [groupOf(prefix, profile), profile]));
  return [...byGroup.values()];
}
