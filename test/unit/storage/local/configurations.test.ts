import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { getConfiguration, listConfigurations } from '../../../../src/storage/local/configuration-store.ts';
import {
  copyConfiguration,
  listVersions,
  purgeConfiguration,
  restoreConfiguration,
  rollBack,
  trashConfiguration,
  versionContent,
} from '../../../../src/storage/local/configuration-versions.ts';
import { type ConfigurationInput, setConfiguration } from '../../../../src/storage/local/configurations.ts';
import { initProject } from '../../../../src/storage/local/init.ts';
import type { LocalStorage } from '../../../../src/storage/local/local-storage.ts';
import { openLocalStorage } from '../../../../src/storage/local/open.ts';
import { readState, replaceState, updateState } from '../../../../src/storage/local/states.ts';

let path: string;
let storage: LocalStorage;
const key = { component: 'acme.app', id: '1' };

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'componentd-configurations-'));
  await initProject({ path });
  storage = await openLocalStorage({ path });
});
afterEach(async () => {
  await storage.close();
  await rm(path, { recursive: true });
});

const set = (input: Partial<ConfigurationInput>) =>
  setConfiguration(storage.parts.catalogue, storage.parts.secrets, key.component, { id: key.id, ...input });

test('every change is a version with its author and reason, and any of them can come back', () => {
  const { catalogue, secrets } = storage.parts;
  set({
    configuration: '{"a":1}',
    rows: [{ id: 'x', configuration: '{"n":1}', state: '{"component":{"s":1}}' }, { id: 'y' }],
  });
  set({ configuration: '{"a":2}', rows: [{ id: 'y', isDisabled: true }], changeDescription: 'less', author: 'me' });
  expect(listVersions(catalogue, key)).toMatchObject([
    { version: '2', changeDescription: 'less', author: 'me' },
    { version: '1', changeDescription: '', author: '' },
  ]);
  expect(versionContent(catalogue, key, '1').rows.map(({ id }) => id)).toEqual(['x', 'y']);
  updateState(catalogue, { component: key.component, config: '1', row: 'y', roots: { component: '{"t":2}' } });
  const back = rollBack(catalogue, secrets, key, { version: '1', author: 'me' });
  expect(back).toMatchObject({
    version: '3',
    configuration: '{"a":1}',
    rows: [
      { id: 'x', configuration: '{"n":1}', state: '{}' },
      { id: 'y', isDisabled: false, state: '{"component":{"t":2}}' },
    ],
  });
  expect(listVersions(catalogue, key)[0]).toMatchObject({ version: '3', changeDescription: 'roll back to version 1' });
  for (const version of ['0', '4', 'x', '1.0'])
    expect(() => rollBack(catalogue, secrets, key, { version })).toThrow('has no version');
});

test('what is not changed stays byte for byte, ciphertexts too', () => {
  const before = set({ configuration: '{"#p":"w"}', rows: [{ id: 'x', configuration: '{"#q":"v"}' }] });
  const after = set({ name: 'New', rows: [{ id: 'x' }] });
  expect(after.configuration).toBe(before.configuration);
  expect(after.rows).toEqual(before.rows);
});

test('wrong ids are refused all at once, by name, and nothing is stored', () => {
  const rows = [{ id: 'a' }, { id: 'b/c' }, { id: 'a' }];
  expect(() => set({ rows })).toThrow(/"b\/c" is not an id.*the row "a" is there more than once/s);
  expect(getConfiguration(storage.parts.catalogue, 'acme.app', '1')).toBeUndefined();
});

test('the trash hides a configuration from jobs, and gives it back or loses it for good', () => {
  const { catalogue, secrets } = storage.parts;
  set({ configuration: '{"a":1}' });
  trashConfiguration(catalogue, key);
  expect(getConfiguration(catalogue, 'acme.app', '1')).toBeUndefined();
  expect(listConfigurations(catalogue)).toEqual([]);
  expect(listConfigurations(catalogue, 'acme.app', { isDeleted: true })).toMatchObject([{ id: '1' }]);
  expect(() => set({})).toThrow('in the trash');
  expect(() => trashConfiguration(catalogue, key)).toThrow('in the trash');
  expect(() => listVersions(catalogue, key)).toThrow('in the trash');
  const roots = { component: '{}' };
  expect(updateState(catalogue, { component: 'acme.app', config: '1', roots })).toEqual([
    expect.stringContaining('gone'),
  ]);
  restoreConfiguration(catalogue, key);
  expect(() => restoreConfiguration(catalogue, key)).toThrow('is in the trash');
  expect(getConfiguration(catalogue, 'acme.app', '1')).toMatchObject({ version: '1', configuration: '{"a":1}' });
  purgeConfiguration(catalogue, key);
  expect(() => purgeConfiguration(catalogue, key)).toThrow('there is no configuration');
  expect(catalogue.all('SELECT * FROM configurationVersions')).toEqual([]);
  expect(set({}).version).toBe('1');
  expect(() => rollBack(catalogue, secrets, { ...key, id: 'none' }, { version: '1' })).toThrow('there is no');
});

test('a copy has the rows and no states, and its secrets open', () => {
  const { catalogue, secrets } = storage.parts;
  const { cipher, project } = secrets;
  const bound = cipher.encrypt('geheim', { kind: 'ConfigSecure', component: 'acme.app', project, config: '1' });
  set({
    configuration: `{"#p":"w","#q":"${bound}"}`,
    state: '{"component":{"x":1}}',
    rows: [{ id: 'r', state: '{"component":{}}' }],
  });
  const copied = copyConfiguration(catalogue, secrets, key, { to: '2', name: 'Copy' });
  expect(copied).toMatchObject({ id: '2', name: 'Copy', version: '1', state: '{}', rows: [{ id: 'r', state: '{}' }] });
  const { '#q': secret } = JSON.parse(copied.configuration) as Record<string, string>;
  expect(cipher.decrypt(secret ?? '', { component: 'acme.app', project, config: '2' })).toBe('geheim');
  expect(() => copyConfiguration(catalogue, secrets, key, { to: '2' })).toThrow('already');
});

test('states are read and replaced whole, encrypted', async () => {
  const { catalogue, secrets } = storage.parts;
  set({ rows: [{ id: 'r', state: '{"component":{"a":1}}' }] });
  const row = { ...key, row: 'r' };
  expect(replaceState(catalogue, secrets, row, '{"component":{"#t":"geheim"}}')).toBe('{"component":{"a":1}}');
  expect(readState(catalogue, row)).toContain('"#t":"KBC::');
  expect(readState(catalogue, key)).toBe('{}');
  expect(() => readState(catalogue, { ...key, row: 'none' })).toThrow('has no row "none"');
  expect(() => replaceState(catalogue, secrets, key, '[1]')).toThrow('must be a JSON object');
  expect(listVersions(catalogue, key)).toHaveLength(1);
  expect(await readFile(join(path, 'catalogue.sqlite-wal'), 'latin1')).not.toContain('geheim');
});
