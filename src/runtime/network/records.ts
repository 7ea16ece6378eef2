import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { privateDirectory, readTextIfPresent } from '../../base/files.ts';
import { type Owner, thisProcess } from '../../base/owner.ts';
import type { CniNetwork, CniResult } from './cni.ts';
import { recordPath, recordsFolder, unfinishedRecordPath } from './places.ts';
import type { Profile } from './profile.ts';

/** That a container has, or is about to get, a namespace, an address and rules; there before any of them and gone after all of them. */
export interface AttachmentRecord {
  readonly formatVersion: 1;
  readonly id: string;
  readonly profile: Profile;
  readonly network: CniNetwork;
  /** Who made it. */
  readonly owner: Owner;
  /** Absent until the plugins have answered. */
  readonly result?: CniResult;
}

export async function writeRecord(
  directory: string,
  record: Omit<AttachmentRecord, 'formatVersion' | 'owner'>,
): Promise<void> {
  await privateDirectory(recordsFolder(directory));
  const whole: AttachmentRecord = { formatVersion: 1, owner: await thisProcess(), ...record };
  const unfinished = unfinishedRecordPath(directory, record.id);
  await writeFile(unfinished, JSON.stringify(whole), { mode: 0o600, flush: true });
  await rename(unfinished, recordPath(directory, record.id));
}

export async function readRecord(directory: string, id: string): Promise<AttachmentRecord | undefined> {
  const text = await readTextIfPresent(recordPath(directory, id));
  return text === undefined ? undefined : (JSON.parse(text) as AttachmentRecord);
}

export async function removeRecord(directory: string, id: string): Promise<void> {
  await rm(unfinishedRecordPath(directory, id), { force: true });
  await rm(recordPath(directory, id), { force: true });
}

export async function allRecords(directory: string): Promise<readonly AttachmentRecord[]> {
  const names = await readdir(recordsFolder(directory)).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const ids = names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).map((name) => name.slice(0, -'.json'.length));
  const records = await Promise.all(ids.map((id) => readRecord(directory, id)));
  return records.filter((record) => record !== undefined);
}
