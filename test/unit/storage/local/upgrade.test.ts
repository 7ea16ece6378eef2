import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../../../src/base/errors.ts';
import { Catalogue } from '../../../../src/storage/local/catalogue.ts';
import { collect } from '../../../../src/storage/local/collect.ts';
import { tokenOf } from '../../../../src/storage/local/holder.ts';
import { initProject } from '../../../../src/storage/local/init.ts';
import { formatVersion, migrations } from '../../../../src/storage/local/migrations.ts';
import { openLocalStorage } from '../../../../src/storage/local/open.ts';
import { upgradeProject } from '../../../../src/storage/local/upgrade.ts';
import { copyFirstProject, firstFormat } from '../../../support/first-format.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-upgrade-'));
  path = join(directory, 'project');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const signal = new AbortController().signal;
const catalogueOf = (project: string): string => join(project, 'catalogue.sqlite');

function contentOf(project: string): readonly unknown[] {
  const database = new DatabaseSync(catalogueOf(project), { readOnly: true });
  try {
    const tables = ['tables', 'segments', 'metadata', 'configurations', 'configurationRows', 'commits', 'fileTags'];
    return tables.map((table) => database.prepare(`SELECT * FROM ${table}`).all());
  } finally {
    database.close();
  }
}

function formatAt(project: string): number {
  const database = new DatabaseSync(catalogueOf(project), { readOnly: true });
  try {
    return Number(database.prepare("SELECT value FROM meta WHERE key = 'formatVersion'").get()?.value);
  } finally {
    database.close();
  }
}

/** Tables, columns and indexes, however their statements are written. */
function layoutOf(project: string): unknown {
  const database = new DatabaseSync(catalogueOf(project), { readOnly: true });
  try {
    const names = database.prepare('SELECT type, name, tbl_name FROM sqlite_schema ORDER BY name').all();
    return names.map((entry) => [entry, database.prepare(`PRAGMA table_xinfo(${entry.name})`).all()]);
  } finally {
    database.close();
  }
}

describe('a project of the first format', () => {
  test('is refused with the verb that upgrades it, and is not touched by that', async () => {
    await copyFirstProject(path);
    const error = await openLocalStorage({ path }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({
      message: expect.stringContaining('older format 1'),
      hint: expect.stringContaining(`componentd project upgrade --project ${path}`),
    });
    expect(formatAt(path)).toBe(1);
  });

  test('keeps every table, file, configuration and secret', async () => {
    await copyFirstProject(path);
    const before = contentOf(path);
    const done = await upgradeProject(path, { dryRun: false });
    expect(done).toEqual({
      path,
      from: 1,
      to: formatVersion,
      steps: migrations.map(({ what }) => what),
      backup: 'catalogue.format-1.sqlite',
    });
    await using storage = await openLocalStorage({ path });
    const secret = (await readFile(join(path, 'token'), 'utf8')).trim();
    expect(tokenOf(storage.parts.catalogue, secret)).toMatchObject({ kind: 'admin' });
    for (const name of await readdir(join(firstFormat, 'expected'))) {
      if (!name.endsWith('.csv')) continue;
      const copy = join(directory, name);
      await storage.exportTable({ table: name.slice(0, -4), path: copy, columns: [] }, signal);
      expect(await readFile(copy, 'utf8'), name).toBe(await readFile(join(firstFormat, 'expected', name), 'utf8'));
    }
    await storage.downloadFile(1, join(directory, 'photo'), signal);
    expect(await readFile(join(directory, 'photo'))).toEqual(await readFile(join(firstFormat, 'expected/photo.bin')));
    const configuration = await storage.configuration('test.main', '13');
    const [, encrypted = ''] = /"#password":"([^"]+)"/.exec(configuration?.configuration ?? '') ?? [];
    const ids = { component: 'test.main', project: storage.project.id };
    expect(storage.parts.secrets.cipher.decrypt(encrypted, ids)).toBe('plain secret');
    // Columns may be added; what was there is there.
    for (const [table, rows] of contentOf(path).entries()) expect(rows).toMatchObject(before[table] as unknown[]);
  });

  test('keeps a copy that opens where the old version is', async () => {
    await copyFirstProject(path);
    const before = contentOf(path);
    await upgradeProject(path, { dryRun: false });
    const copy = join(path, 'catalogue.format-1.sqlite');
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    await rm(catalogueOf(path));
    await rename(copy, catalogueOf(path));
    expect(formatAt(path)).toBe(1);
    expect(contentOf(path)).toEqual(before);
  });

  test('is only told about with a dry run, and left alone when it is up to date', async () => {
    await copyFirstProject(path);
    expect(await upgradeProject(path, { dryRun: true })).not.toHaveProperty('backup');
    expect(formatAt(path)).toBe(1);
    await upgradeProject(path, { dryRun: false });
    await using _other = await openLocalStorage({ path });
    expect(await upgradeProject(path, { dryRun: false })).toMatchObject({ from: formatVersion, steps: [] });
  });

  test('has the layout of a new project afterwards', async () => {
    await copyFirstProject(path);
    await upgradeProject(path, { dryRun: false });
    const fresh = join(directory, 'fresh');
    await initProject({ path: fresh });
    expect(layoutOf(path)).toEqual(layoutOf(fresh));
  });

  test('is upgraded by one process alone', async () => {
    await copyFirstProject(path);
    const database = new DatabaseSync(catalogueOf(path));
    try {
      database.exec('PRAGMA journal_mode = WAL; SELECT * FROM meta');
      await expect(upgradeProject(path, { dryRun: false })).rejects.toMatchObject({ class: 'user', reason: 'in_use' });
      expect(formatAt(path)).toBe(1);
    } finally {
      database.close();
    }
  });

  test('that is killed while it is upgraded has the old format or the new one', async () => {
    const module = join(import.meta.dirname, '../../../../src/storage/local/upgrade.ts');
    const formats = new Set<number>();
    for (let turn = 0; turn < 12; turn += 1) {
      const project = join(directory, `killed-${turn}`);
      await copyFirstProject(project);
      const before = contentOf(project);
      const code = `import(${JSON.stringify(module)}).then((m) => { console.log('go'); return m.upgradeProject(${JSON.stringify(project)}, { dryRun: false }); })`;
      const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      await once(child.stdout, 'data');
      await delay(turn * 2);
      child.kill('SIGKILL');
      await exited;
      formats.add(formatAt(project));
      await upgradeProject(project, { dryRun: false });
      await using storage = await openLocalStorage({ path: project });
      for (const [table, rows] of contentOf(project).entries()) expect(rows).toMatchObject(before[table] as unknown[]);
      await collect(storage.parts.catalogue, storage.parts.folder, { olderThanMs: -1000 });
      expect((await readdir(project)).filter((name) => name.startsWith('.'))).toEqual([]);
    }
    expect([...formats].filter((format) => format !== 1 && format !== formatVersion)).toEqual([]);
  }, 60_000);
});

test('a project of a newer format is refused by name, by its upgrade too', async () => {
  await initProject({ path });
  const catalogue = Catalogue.open(catalogueOf(path));
  catalogue.run("UPDATE meta SET value = '99' WHERE key = 'formatVersion'");
  catalogue.close();
  for (const work of [() => openLocalStorage({ path }), () => upgradeProject(path, { dryRun: false })]) {
    await expect(work()).rejects.toMatchObject({
      class: 'user',
      message: expect.stringContaining('has format 99'),
      hint: expect.stringContaining('newer'),
    });
  }
});
