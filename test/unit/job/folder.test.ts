import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ulid } from '../../../src/base/ids.ts';
import { Journal } from '../../../src/base/journal.ts';
import {
  createJobFolder,
  type JobFolder,
  jobsFolder,
  journalPath,
  liveOwner,
  releaseFolder,
  reopenJobFolder,
  takeOver,
  wasRebooted,
} from '../../../src/job/folder.ts';
import type { Plan } from '../../../src/job/types.ts';

let stateDir: string;
let folders: JobFolder[];
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'componentd-folder-'));
  folders = [];
});
afterEach(async () => {
  for (const { journal } of folders) await journal[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true });
});

function planOf(job: string): Plan {
  return { formatVersion: 1, job, attempt: 1, tenant: 'default' } as Plan;
}

async function create(job = ulid()): Promise<JobFolder> {
  const folder = await createJobFolder(stateDir, planOf(job));
  folders.push(folder);
  return folder;
}

async function reopen({ plan, path }: JobFolder): Promise<JobFolder> {
  await releaseFolder(path);
  const folder = await reopenJobFolder(stateDir, plan.job);
  folders.push(folder);
  return folder;
}

describe('a job that cannot go on', () => {
  test('is nobody’s again after an attempt to resume it', async () => {
    const { path, plan, journal } = await create();
    await journal[Symbol.asyncDispose]();
    await releaseFolder(path);
    const journals = { 'without a plan': '', 'that is damaged': 'no journal\n{}\n' };
    for (const [what, text] of Object.entries(journals)) {
      await writeFile(journalPath(path), text);
      await expect(reopenJobFolder(stateDir, plan.job), what).rejects.toThrow();
      expect(await liveOwner(path), what).toBeUndefined();
    }
  });
});

describe('a new job folder', () => {
  test('is never seen without its owner', async () => {
    const jobs = jobsFolder(stateDir);
    const seen = new Set<string>();
    let isMaking = true;
    const looking = (async () => {
      while (isMaking) {
        for (const name of await readdir(jobs).catch((): string[] => [])) {
          if (name.startsWith('.')) continue;
          seen.add(name);
          expect(await liveOwner(join(jobs, name))).toBe(process.pid);
        }
      }
    })();
    const made = await Promise.all(Array.from({ length: 40 }, () => create()));
    isMaking = false;
    await looking;
    expect(seen.size).toBeGreaterThan(0);
    expect((await readdir(jobs)).sort()).toEqual(made.map(({ plan }) => plan.job).sort());
  });

  test('that cannot be put in its place leaves nothing', async () => {
    const job = ulid();
    await mkdir(join(jobsFolder(stateDir), job, 'in the way'), { recursive: true });
    await expect(create(job)).rejects.toThrow('ENOTEMPTY');
    expect(await readdir(jobsFolder(stateDir))).toEqual([job]);
  });
});

describe('taking a job over', () => {
  test('is refused while its process lives, which may be this one', async () => {
    const { path } = await create();
    await expect(takeOver(path)).rejects.toMatchObject({
      reason: 'owned',
      message: expect.stringContaining(`${process.pid}`),
    });
  });

  test('by several at once, under whatever name the folder goes, is done by one', async () => {
    const { path } = await create();
    await releaseFolder(path);
    await symlink(stateDir, `${stateDir}-link`);
    try {
      const names = [path, path.replace(stateDir, `${stateDir}-link`), path, `${path}/.`];
      const done = await Promise.allSettled(names.map((name) => takeOver(name)));
      expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    } finally {
      await rm(`${stateDir}-link`);
    }
  });

  test('of a folder that is gone says so, and makes none', async () => {
    const path = join(jobsFolder(stateDir), ulid());
    await expect(takeOver(path)).rejects.toMatchObject({ reason: 'gone' });
    expect(existsSync(path)).toBe(false);
  });
});

describe('a machine that was started anew', () => {
  const inputs = async ({ journal }: JobFolder): Promise<unknown> => journal.step('row/0/inputs', () => ({}));

  test('is noticed once inputs are recorded, and until their outputs are loaded', async () => {
    const folder = await create();
    const { journal } = folder;
    await journal.note('boot', 'another one');
    expect(await wasRebooted(folder)).toBe(false);
    await inputs(folder);
    expect(await wasRebooted(folder)).toBe(true);
    expect(await wasRebooted(await reopen(folder))).toBe(true);
    await journal.step('loads', () => ({}));
    expect(await wasRebooted(folder)).toBe(false);
  });

  test('does not matter to a job that has no inputs yet, and none of its later resumptions', async () => {
    const folder = await create();
    await folder.journal.note('boot', 'another one');
    const resumed = await reopen(folder);
    await inputs(resumed);
    expect(await wasRebooted(resumed)).toBe(false);
    expect(await wasRebooted(await reopen(folder))).toBe(false);
  });

  test('cannot be ruled out where the boot was never noted', async () => {
    const plan = planOf(ulid());
    const path = join(jobsFolder(stateDir), plan.job);
    await mkdir(path, { recursive: true });
    const journal = await Journal.open(journalPath(path), 'create');
    const folder = { path, recordPath: '', journal, plan };
    folders.push(folder);
    await journal.step('plan', () => plan);
    await inputs(folder);
    expect(await wasRebooted(await reopen(folder))).toBe(true);
  });
});
