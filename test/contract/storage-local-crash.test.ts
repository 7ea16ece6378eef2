import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collect } from '../../src/storage/local/collect.ts';
import { setConfiguration } from '../../src/storage/local/configurations.ts';
import { initProject } from '../../src/storage/local/init.ts';
import type { LocalStorage } from '../../src/storage/local/local-storage.ts';
import { openLocalStorage } from '../../src/storage/local/open.ts';

const kills = 30;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-crash-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('a project whose writer is killed at any moment opens, holds whole commits only, and loses none', async () => {
  const path = join(directory, 'project');
  await initProject({ path });
  await using storage = await openLocalStorage({ path });
  setConfiguration(storage.parts.catalogue, storage.parts.secrets, 'acme.writer', { id: '1' });
  let committed = 0;
  // As fast as the machine is now: half of the kills come before the first commit, half behind it.
  const warm = await timeOfFirstCommit(path);
  for (let kill = 0; kill < kills; kill += 1) {
    const reported = await writeForAWhile(path, warm * (0.2 + Math.random() * 1.6));
    await using reopened = await openLocalStorage({ path });
    const n = await countedCommits(reopened);
    expect(n).toBeGreaterThanOrEqual(Math.max(committed, reported));
    committed = n;
    const ages = { olderThanMs: -1000, stagedOlderThanMs: -1000 };
    const removed = await collect(reopened.parts.catalogue, reopened.parts.folder, ages);
    expect(removed.every((file) => /^(data|staged|temp)\//.test(file))).toBe(true);
    await assertNoStrays(reopened);
    expect(await countedCommits(reopened)).toBe(n);
  }
  expect(committed).toBeGreaterThan(0);
}, 180_000);

/** Milliseconds from the writer's start to its first commit. */
async function timeOfFirstCommit(path: string): Promise<number> {
  const started = Date.now();
  const writer = startWriter(path);
  await once(writer.stdout, 'data');
  const ms = Date.now() - started;
  writer.kill('SIGKILL');
  await once(writer, 'close');
  return ms;
}

function startWriter(path: string): ChildProcessByStdio<null, Readable, null> {
  const script = join(import.meta.dirname, '..', 'support', 'storage-writer.ts');
  return spawn(process.execPath, [script, path, join(directory, 'sources')], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs the writer, kills it, and waits until its table engine is gone too; returns the last commit it spoke of. */
async function writeForAWhile(path: string, ms: number): Promise<number> {
  const writer = startWriter(path);
  let output = '';
  writer.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await delay(ms);
  const engines = await childrenOf(writer);
  writer.kill('SIGKILL');
  await once(writer, 'close');
  await expect.poll(() => Promise.all(engines.map(isRunning)), { timeout: 5000 }).not.toContain(true);
  return Number(output.trimEnd().split('\n').at(-1) ?? 0);
}

async function childrenOf({ pid }: ChildProcess): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter((child) => child !== '');
}

async function isRunning(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

/** How many commits there are; everything else must say the same. */
async function countedCommits(storage: LocalStorage): Promise<number> {
  const configuration = await storage.configuration('acme.writer', '1');
  const n = (JSON.parse(configuration?.state ?? '{}') as { n?: number }).n ?? 0;
  const numbers = Array.from({ length: n }, (_, index) => index + 1);
  if (n === 0) {
    expect(await storage.table('in.c-crash.log')).toBeUndefined();
    return 0;
  }
  expect(await rowsOf(storage, 'in.c-crash.log')).toEqual(numbers.map((number) => `"${number}","${number % 5}"`));
  const last = numbers.slice(-5).map((number) => `"${number}","${number % 5}"`);
  expect(await rowsOf(storage, 'in.c-crash.last')).toEqual(last);
  const files = await storage.findFiles({ limit: n + 10 });
  expect(files.map(({ tags }) => tags)).toEqual(numbers.map((number) => [`n${number}`]).reverse());
  const [newest] = files;
  const path = join(directory, 'newest');
  await storage.downloadFile(newest?.id ?? 0, path, new AbortController().signal);
  expect(await readFile(path, 'utf8')).toBe(`file ${n}`);
  await rm(path);
  return n;
}

async function rowsOf(storage: LocalStorage, table: string): Promise<readonly string[]> {
  const path = join(directory, 'export.csv');
  await storage.exportTable({ table, path, columns: [] }, new AbortController().signal);
  const [, ...rows] = (await readFile(path, 'utf8')).trimEnd().split('\n');
  await rm(path);
  return rows;
}

async function assertNoStrays({ parts: { catalogue, folder } }: LocalStorage): Promise<void> {
  const segments = catalogue.all('SELECT data FROM segments').map(({ data }) => `${data}.parquet`);
  const files = catalogue.all('SELECT data FROM files').map(({ data }) => data);
  expect((await readdir(folder.tables)).sort()).toEqual(segments.sort());
  expect((await readdir(folder.files)).sort()).toEqual(files.sort());
  expect(await readdir(folder.staged)).toEqual([]);
  expect(await readdir(folder.temp)).toEqual([]);
  expect((await readdir(folder.root)).sort()).toEqual(
    [
      'catalogue.sqlite',
      'catalogue.sqlite-shm',
      'catalogue.sqlite-wal',
      'data',
      'key',
      'staged',
      'temp',
      'token',
    ].sort(),
  );
}
