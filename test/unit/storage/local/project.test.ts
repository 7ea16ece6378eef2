import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../../../src/base/errors.ts';
import { listBuckets } from '../../../../src/storage/local/buckets.ts';
import { Catalogue } from '../../../../src/storage/local/catalogue.ts';
import { type CollectOptions, collect } from '../../../../src/storage/local/collect.ts';
import { addComponent, listComponents } from '../../../../src/storage/local/components.ts';
import { getConfiguration, listConfigurations } from '../../../../src/storage/local/configuration-store.ts';
import { setConfiguration } from '../../../../src/storage/local/configurations.ts';
import { tableIds } from '../../../../src/storage/local/existing-table.ts';
import { setFeature } from '../../../../src/storage/local/features.ts';
import { tokenOf } from '../../../../src/storage/local/holder.ts';
import { importFile, importTable } from '../../../../src/storage/local/imports.ts';
import { initProject } from '../../../../src/storage/local/init.ts';
import type { LocalStorage } from '../../../../src/storage/local/local-storage.ts';
import { openLocalStorage } from '../../../../src/storage/local/open.ts';
import { previewTable } from '../../../../src/storage/local/tables.ts';

let directory: string;
let path: string;
let counter = 0;
const signal = new AbortController().signal;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-init-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(() => {
  counter += 1;
  path = join(directory, `project-${counter}`);
});

async function opened<T>(work: (storage: LocalStorage) => Promise<T>): Promise<T> {
  await using storage = await openLocalStorage({ path });
  return await work(storage);
}

describe('a new project', () => {
  test('is private, and opens with an identity of its own', async () => {
    const { id } = await initProject({ path, name: 'shop' });
    for (const name of await readdir(path, { recursive: true })) {
      expect((await stat(join(path, name))).mode & 0o077).toBe(0);
    }
    await opened(async (storage) => {
      expect(storage.project).toMatchObject({ id, name: 'shop', stackId: 'connection.local' });
      expect(storage.project.features).toEqual(['new-native-types']);
      expect(storage.project.url).toBe('https://connection.local');
      const secret = (await readFile(join(path, 'token'), 'utf8')).trim();
      expect(tokenOf(storage.parts.catalogue, secret)).toEqual({ id: storage.token.id, kind: 'admin' });
      expect(await readFile(join(path, 'catalogue.sqlite'), 'latin1')).not.toContain(secret);
    });
  });

  test('is made in an empty folder only, and once', async () => {
    await initProject({ path });
    await expect(initProject({ path })).rejects.toThrow('is a project already');
    const used = join(directory, 'used');
    await mkdir(used);
    await writeFile(join(used, 'notes.txt'), '');
    await expect(initProject({ path: used })).rejects.toThrow('notes.txt');
  });

  test('can be made where an earlier attempt was killed', async () => {
    await initProject({ path });
    await rm(join(path, 'catalogue.sqlite'));
    await initProject({ path });
    await opened(async ({ project }) => expect(project.name).toBe('default'));
  });
});

describe('opening a project', () => {
  test('refuses a folder that is none, naming it', async () => {
    await expect(openLocalStorage({ path })).rejects.toThrow(`${path} does not exist`);
    await writeFile(path, '');
    await expect(openLocalStorage({ path })).rejects.toThrow(`${path} is not a folder`);
  });

  test('tells nobody to change who may read a folder that is no project', async () => {
    await mkdir(path, { mode: 0o755 });
    const complaint = {
      message: expect.stringContaining('there is no project'),
      hint: expect.stringContaining('init'),
    };
    await expect(openLocalStorage({ path })).rejects.toMatchObject(complaint);
  });

  test.each(['.', 'key', 'catalogue.sqlite'])('refuses %s when others may read it', async (name) => {
    await initProject({ path });
    await chmod(join(path, name), 0o755);
    await expect(openLocalStorage({ path })).rejects.toThrow(/others|other users/);
  });

  test('refuses a symbolic link', async () => {
    await initProject({ path });
    await symlink(path, `${path}-link`);
    await expect(openLocalStorage({ path: `${path}-link` })).rejects.toThrow('symbolic link');
  });

  test('refuses a newer format by name, and a database that is not ours', async () => {
    await initProject({ path });
    const catalogue = Catalogue.open(join(path, 'catalogue.sqlite'));
    catalogue.run("UPDATE meta SET value = '99' WHERE key = 'formatVersion'");
    catalogue.close();
    await expect(openLocalStorage({ path })).rejects.toThrow(/format 99.*format [0-9]+/);
    await writeFile(join(path, 'catalogue.sqlite'), '');
    await expect(openLocalStorage({ path })).rejects.toThrow(UserError);
  });

  test('starts no process before there is a table to read', async () => {
    await initProject({ path });
    await opened(async (storage) => {
      await importFile(storage, { source: { stream: Readable.from('x'), name: 'x.txt' } }, signal);
      expect(storage.parts.engine.pid).toBeUndefined();
    });
  });
});

test('features of a project are turned on and off', async () => {
  await initProject({ path });
  await opened(async ({ parts }) => {
    expect(setFeature(parts, 'other', true)).toEqual(['new-native-types', 'other']);
    expect(setFeature(parts, 'new-native-types', false)).toEqual(['other']);
    for (const name of ['A', '', 'a,b']) expect(() => setFeature(parts, name, true)).toThrow('not a feature');
  });
  await opened(async ({ project }) => expect(project.features).toEqual(['other']));
});

describe('definitions and configurations', () => {
  test('are listed, replaced and versioned, secrets encrypted', async () => {
    await initProject({ path });
    await opened(async ({ parts: { catalogue, secrets } }) => {
      addComponent(catalogue, secrets, 'acme.app', '{"data":{"#secret":"geheim"}}');
      addComponent(catalogue, secrets, 'acme.app', '{"data":{"#secret":"geheimer"}}');
      expect(listComponents(catalogue)).toEqual([{ id: 'acme.app', definition: expect.stringContaining('"KBC::') }]);
      const rows = [{ id: 'b' }, { id: 'a', configuration: '{"x":1}', state: '{"component":{}}' }];
      setConfiguration(catalogue, secrets, 'acme.app', { id: '1', name: 'First', configuration: '{"#p":"w"}', rows });
      setConfiguration(catalogue, secrets, 'acme.app', { id: '1', isDisabled: true, rows: [{ id: 'a' }] });
      const stored = getConfiguration(catalogue, 'acme.app', '1');
      expect(stored).toMatchObject({ name: 'First', version: '2', isDisabled: true });
      expect(stored?.configuration).toMatch(/^\{"#p":"KBC::/);
      const named = { name: '', description: '' };
      expect(stored?.rows).toEqual([
        { id: 'a', ...named, isDisabled: false, configuration: '{"x":1}', state: '{"component":{}}' },
      ]);
      expect(listConfigurations(catalogue, 'acme.app')).toMatchObject([{ id: '1', version: '2', rows: 1 }]);
      expect(listConfigurations(catalogue)).toHaveLength(1);
    });
    expect(await readFile(join(path, 'catalogue.sqlite'), 'latin1')).not.toContain('geheim');
  });

  test.each(['{"a":', '[1]', '"text"', 'null'])('refuses %s', async (text) => {
    await initProject({ path });
    await opened(async ({ parts: { catalogue, secrets } }) => {
      expect(() => addComponent(catalogue, secrets, 'acme.app', text)).toThrow(UserError);
      expect(() => setConfiguration(catalogue, secrets, 'acme.app', { id: '1', configuration: text })).toThrow(
        UserError,
      );
      expect(() => addComponent(catalogue, secrets, '../x', '{}')).toThrow(UserError);
      expect(getConfiguration(catalogue, 'acme.app', '1')).toBeUndefined();
    });
  });
});

describe('imports', () => {
  test('take a stream or a file, leave the file alone, and nothing else behind', async () => {
    await initProject({ path });
    const csv = join(directory, `source-${counter}.csv`);
    await writeFile(csv, 'id;name\n1;a\n2;b\n3;c\n');
    await opened(async (storage) => {
      const { folder } = storage.parts;
      const table = 'in.c-main.people';
      const imported = await importTable(
        storage,
        { source: { path: csv }, table, delimiter: ';', primaryKey: ['id'] },
        signal,
      );
      expect(imported).toEqual({ renamed: [], id: table, columns: ['id', 'name'], importedRows: 3, warnings: [] });
      const source = { stream: Readable.from('id,name\n3,z\n'), name: 'standard input' };
      await importTable(storage, { source, table, primaryKey: ['id'], incremental: true }, signal);
      expect(await previewTable(storage.parts, table, 10)).toEqual({
        columns: ['id', 'name'],
        rows: [
          ['1', 'a'],
          ['2', 'b'],
          ['3', 'z'],
        ],
      });
      expect((await previewTable(storage.parts, table, 1)).rows).toHaveLength(1);
      expect(listBuckets(storage.parts)).toMatchObject([{ id: 'in.c-main', stage: 'in', name: 'c-main' }]);
      expect(tableIds(storage.parts)).toEqual([table]);
      expect(tableIds(storage.parts, 'in.c-other')).toEqual([]);
      expect(await readFile(csv, 'utf8')).toContain('1;a');
      expect(await readdir(folder.staged)).toEqual([]);
    });
  });

  test('that fail name the source and leave nothing behind', async () => {
    await initProject({ path });
    await opened(async (storage) => {
      const source = { stream: Readable.from('id,id\n'), name: 'standard input' };
      const table = 'in.c-main.people';
      await expect(importTable(storage, { source, table }, signal)).rejects.toThrow(/standard input.*column 4/);
      const missing = { path: join(directory, 'missing.csv') };
      await expect(importTable(storage, { source: missing, table }, signal)).rejects.toThrow(UserError);
      await expect(importTable(storage, { source: { path: directory }, table }, signal)).rejects.toThrow(UserError);
      expect(await readdir(storage.parts.folder.staged)).toEqual([]);
      expect(tableIds(storage.parts)).toEqual([]);
    });
  });
});

describe('collecting', () => {
  test('takes replaced data, what was left behind and old files, and spares what is young', async () => {
    await initProject({ path });
    await opened(async (storage) => {
      const { catalogue, folder } = storage.parts;
      const load = (id: string) =>
        importTable(
          storage,
          { source: { stream: Readable.from(`id\n${id}\n`), name: 'x' }, table: 'in.c-main.t' },
          signal,
        );
      await load('1');
      await load('2');
      await mkdir(join(folder.staged, 'job-1'));
      await writeFile(join(folder.temp, 'export-1'), '');
      const file = await importFile(storage, { source: { stream: Readable.from('x'), name: 'x' } }, signal);
      const kept = await importFile(
        storage,
        { source: { stream: Readable.from('y'), name: 'y' }, permanent: true },
        signal,
      );
      catalogue.run('UPDATE files SET created = 0');
      expect(await collect(catalogue, folder)).toEqual([]);
      expect((await storage.findFiles({ limit: 9 })).map(({ id }) => id)).toEqual([kept]);
      const removed = await collect(catalogue, folder, { olderThanMs: -1000, stagedOlderThanMs: -1000 });
      expect(removed).toHaveLength(4);
      expect(await readdir(folder.tables)).toHaveLength(1);
      expect(await readdir(folder.files)).toHaveLength(1);
      await expect(storage.downloadFile(file, join(directory, 'gone'), signal)).rejects.toThrow(UserError);
    });
  });

  test('keeps what a job staged much longer than what an import did, and for ever what somebody still wants', async () => {
    await initProject({ path });
    await opened(async ({ parts: { catalogue, folder } }) => {
      for (const name of ['01J-1-success', '01J-1-failed', 'import-01J']) await mkdir(join(folder.staged, name));
      const left = async (options: CollectOptions): Promise<readonly string[]> => {
        await collect(catalogue, folder, { olderThanMs: -1000, ...options });
        return (await readdir(folder.staged)).sort();
      };
      expect(await left({})).toEqual(['01J-1-failed', '01J-1-success']);
      const keep = (commitId: string): boolean => commitId === '01J-1-success';
      expect(await left({ stagedOlderThanMs: -1000, keep })).toEqual(['01J-1-success']);
      expect(await left({ stagedOlderThanMs: -1000 })).toEqual([]);
    });
  });
});
