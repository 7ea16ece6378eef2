import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../../../src/base/errors.ts';
import { collect } from '../../../../src/storage/local/collect.ts';
import { existingConfiguration } from '../../../../src/storage/local/configuration-store.ts';
import { changeConfiguration } from '../../../../src/storage/local/configurations.ts';
import { tableIds } from '../../../../src/storage/local/existing-table.ts';
import { holderOf, tokenOf } from '../../../../src/storage/local/holder.ts';
import { importFile, importTable } from '../../../../src/storage/local/imports.ts';
import { initProject } from '../../../../src/storage/local/init.ts';
import type { LocalStorage } from '../../../../src/storage/local/local-storage.ts';
import { openLocalStorage } from '../../../../src/storage/local/open.ts';
import type { ProjectParts } from '../../../../src/storage/local/parts.ts';
import { keepNext, projectToken, resetProjectToken, takeNext } from '../../../../src/storage/local/project-token.ts';
import { noRights, type Rights } from '../../../../src/storage/local/rights.ts';
import { createToken, listTokens, refreshToken, removeToken, showToken } from '../../../../src/storage/local/tokens.ts';

let directory: string;
let path: string;
let admin: LocalStorage;
const signal = new AbortController().signal;
const day = 24 * 60 * 60 * 1000;
const csv = (content: string) => ({ stream: Readable.from(content), name: 'source' });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-tokens-'));
  path = join(directory, 'project');
  await initProject({ path });
  admin = await openLocalStorage({ path });
});
afterEach(async () => {
  await admin.close();
  await rm(directory, { recursive: true, force: true });
});

/** A token made by another one, and the project with its rights. */
function made(
  rights: Partial<Rights>,
  by = admin,
  expires?: number,
): { id: string; secret: string; storage: LocalStorage } {
  const { catalogue, guard } = by.parts;
  const input = { description: 'test token', expires, rights: { ...noRights, ...rights } };
  const issued = createToken(catalogue, guard, input);
  return { ...issued, storage: admin.actingAs(issued.id) };
}

const secretOf = async (): Promise<string> => (await readFile(join(path, 'token'), 'utf8')).trim();
const idsOf = ({ parts: { catalogue, guard } }: LocalStorage): readonly string[] =>
  listTokens(catalogue, guard).map(({ id }) => id);
const drop = (by: LocalStorage, id: string): readonly string[] => removeToken(by.parts.catalogue, by.parts.guard, id);

describe('a secret', () => {
  test('opens the project with the rights of its token, and is kept as a salted hash', async () => {
    const { secret } = made({ buckets: { 'in.*': 'read' } });
    const other = made({});
    await using storage = await openLocalStorage({ path, token: { secret, from: 'here' } });
    expect(storage.token.description).toBe('test token');
    const bytes = await readFile(join(path, 'catalogue.sqlite'), 'latin1');
    for (const text of [secret, other.secret]) expect(bytes).not.toContain(text.replace(/^\d+-/, ''));
    const salts = admin.parts.catalogue.all('SELECT DISTINCT salt FROM tokens');
    expect(salts).toHaveLength(3);
  });

  test.each(['', '1', '1-', '-', 'x', '99-abc', '1-abc', "1' OR 1-x", '1e0-x'])('%j is none', async (secret) => {
    await expect(openLocalStorage({ path, token: { secret, from: 'the test' } })).rejects.toMatchObject({
      class: 'user',
      reason: 'token',
      message: expect.stringContaining('the test'),
    });
  });

  test('of one token does not open another', async () => {
    const [one, other] = [made({}), made({})];
    expect(tokenOf(admin.parts.catalogue, `${other.id}-${one.secret.replace(/^\d+-/, '')}`)).toBeUndefined();
  });

  test('that is renewed is worth nothing, and an expired token opens nothing', async () => {
    const { id, secret } = made({});
    const fresh = refreshToken(admin.parts.catalogue, admin.parts.guard, id);
    const open = (given: string) => openLocalStorage({ path, token: { secret: given, from: 'here' } });
    await expect(open(secret)).rejects.toThrow('is of no token');
    await (await open(fresh.secret)).close();
    admin.parts.catalogue.run('UPDATE tokens SET expires = ? WHERE id = ?', Date.now() - 1, Number(id));
    await expect(open(fresh.secret)).rejects.toThrow(/"test token" \(2\).* expired on /);
  });

  test('that cannot be kept is not in force', async () => {
    const { id, secret } = made({});
    const { catalogue, guard } = admin.parts;
    const fail = (): never => {
      throw new Error('disk full');
    };
    expect(() => refreshToken(catalogue, guard, id, fail)).toThrow('disk full');
    expect(tokenOf(catalogue, secret)?.id).toBe(id);
    const input = { description: 'x', expires: undefined, rights: noRights };
    expect(() => createToken(catalogue, guard, input, fail)).toThrow('disk full');
    expect(idsOf(admin)).toEqual(['1', id]);
  });
});

describe('rights', () => {
  beforeEach(async () => {
    for (const table of ['in.c-a.t', 'in.c-b.t']) await importTable(admin, { source: csv('id\n1\n'), table }, signal);
  });

  test('hold for every call of the port', async () => {
    const { storage } = made({ buckets: { 'in.c-a': 'read' }, components: 'none' });
    const refused = (work: Promise<unknown>, what: string) =>
      expect(work).rejects.toMatchObject({ class: 'user', message: `the token "test token" (2) may not ${what}` });
    expect(await storage.table('in.c-a.t')).toMatchObject({ rowsCount: 1 });
    await refused(storage.table('in.c-b.t'), 'read bucket in.c-b');
    await refused(
      storage.exportTable({ table: 'in.c-b.t', path: join(directory, 'x'), columns: [] }, signal),
      'read bucket in.c-b',
    );
    await refused(importTable(storage, { source: csv('id\n2\n'), table: 'in.c-a.t' }, signal), 'write bucket in.c-a');
    await refused(storage.component('acme.x'), 'read component definitions');
    await refused(storage.configuration('acme.x', '1'), 'read configurations');
    const state = { component: 'acme.x', config: '1', roots: {} };
    const commit = { id: 'c1', tables: [], files: [], processedTags: [], states: [state] };
    await refused(storage.commit(commit), 'save the state of configurations');
    expect(tableIds(storage.parts)).toEqual(['in.c-a.t']);
    expect(storage.refusal({ on: 'bucket', bucket: 'in.c-a', to: 'read' })).toBeUndefined();
    expect(storage.refusal({ on: 'tokens', to: 'manage' })?.hint).toContain('--manage-tokens');
  });

  test('are asked again when what was staged is committed', async () => {
    const { id, storage } = made({ buckets: { 'in.c-a': 'write' } });
    const load = {
      source: 'x',
      destination: 'in.c-a.t',
      paths: [join(directory, 'rows.csv')],
      skipHeader: false,
      csv: { delimiter: ',', enclosure: '"' },
      incremental: false,
      primaryKey: [],
      distributionKey: [],
      metadata: [],
      columnMetadata: {},
      provider: 'user',
      origin: { component: undefined, configuration: undefined, configurationRow: undefined },
    };
    await writeFile(join(directory, 'rows.csv'), 'id\n1\n2\n');
    const staged = await storage.stageTable('c1', load, signal);
    const commit = { id: 'c1', tables: [staged], files: [], processedTags: [], states: [] };
    drop(admin, id);
    await expect(storage.commit(commit)).rejects.toThrow('the token "test token" (2) was revoked');
    expect(await admin.table('in.c-a.t')).toMatchObject({ rowsCount: 1 });
    await storage.discard('c1');
    await storage.revokeJobTokens('job');
  });

  test('to configurations are asked in the transaction that changes one', () => {
    const { id, storage } = made({ configurations: 'write' });
    const key = { component: 'acme.ex', id: '1' };
    const store = ({ catalogue, secrets }: ProjectParts, name: string) =>
      changeConfiguration(catalogue, secrets, key, () => ({ name }));
    const need = { on: 'configurations', to: 'write' } as const;
    const change = (name: string, more: (parts: ProjectParts) => void = () => undefined) =>
      storage.change(need, (parts) => {
        store(parts, name);
        more(parts);
      });
    change('first');
    // Whatever ends the work takes all of it back, the inner transaction too.
    const failing = () =>
      change('second', () => {
        throw new UserError('no');
      });
    expect(failing).toThrow('no');
    expect(() => change('third', ({ guard }) => guard.require({ on: 'tokens', to: 'manage' }))).toThrow('may not');
    drop(admin, id);
    expect(() => change('fourth')).toThrow('was revoked');
    expect(existingConfiguration(admin.parts.catalogue, key)).toMatchObject({ name: 'first', version: '1' });
  });

  test('to own files leave those of others unseen', async () => {
    const [one, other] = [made({}), made({ files: 'all' })];
    const file = { source: { stream: Readable.from('x'), name: 'x.txt' } };
    const mine = await importFile(one.storage, file, signal);
    const theirs = await importFile(admin, { source: { stream: Readable.from('y'), name: 'y.txt' } }, signal);
    const seen = async (storage: LocalStorage) => (await storage.findFiles({ limit: 9 })).map(({ id }) => id);
    expect(await seen(one.storage)).toEqual([mine]);
    expect(await seen(other.storage)).toEqual([theirs, mine]);
    await expect(one.storage.downloadFile(theirs, join(directory, 'f'), signal)).rejects.toThrow('there is no file');
    await one.storage.downloadFile(mine, join(directory, 'f'), signal);
    const tagged = [theirs, mine].map((fileId) => ({ fileId, tags: ['seen'] }));
    const result = await one.storage.commit({ id: 'tags', tables: [], files: [], processedTags: tagged, states: [] });
    expect(result.warnings).toEqual([`file ${theirs} is gone and gets no tags`]);
    expect((await admin.findFiles({ includeTags: ['seen'], limit: 9 })).map(({ id }) => id)).toEqual([mine]);
  });
});

describe('tokens of tokens', () => {
  test('may at most what their maker may, and go with him', async () => {
    const maker = made({ buckets: { 'in.*': 'read', 'in.c-b': 'none' }, tokens: 'manage' });
    const child = made({ buckets: { '*': 'write' }, configurations: 'write', tokens: 'manage' }, maker.storage);
    const grandchild = made({ buckets: { '*': 'write' } }, child.storage);
    for (const { storage } of [child, grandchild]) {
      expect(storage.refusal({ on: 'bucket', bucket: 'in.c-a', to: 'read' })).toBeUndefined();
      for (const need of [
        { on: 'bucket', bucket: 'in.c-a', to: 'write' },
        { on: 'bucket', bucket: 'in.c-b', to: 'read' },
        { on: 'configurations', to: 'read' },
      ] as const)
        expect(storage.refusal(need)?.message).toContain('may not');
    }
    expect(idsOf(maker.storage)).toEqual([maker.id, child.id, grandchild.id]);
    expect(idsOf(grandchild.storage)).toEqual([grandchild.id]);
    expect(idsOf(admin)).toEqual(['1', maker.id, child.id, grandchild.id]);
    expect(drop(admin, maker.id)).toEqual([maker.id, child.id, grandchild.id]);
    expect(grandchild.storage.refusal({ on: 'files', to: 'all' })?.message).toContain('was revoked');
  });

  test('last no longer than their maker', () => {
    const maker = made({ tokens: 'manage' }, admin, Date.now() + day);
    const child = made({}, maker.storage);
    const { catalogue } = admin.parts;
    expect(holderOf(catalogue, Number(child.id)).state).toBe('valid');
    catalogue.run('UPDATE tokens SET expires = ? WHERE id = ?', Date.now() - 1, Number(maker.id));
    expect(holderOf(catalogue, Number(child.id)).state).toBe('expired');
    expect(showToken(catalogue, admin.parts.guard, child.id)).toMatchObject({ isValid: false, expires: null });
  });

  test('are handled by those they came from alone', () => {
    const [maker, other] = [made({ tokens: 'manage' }), made({ tokens: 'manage' })];
    const child = made({}, maker.storage);
    for (const id of ['1', maker.id, child.id, '77', 'x', '']) {
      expect(() => drop(other.storage, id)).toThrow('there is no token');
      const { catalogue, guard } = other.storage.parts;
      expect(() => refreshToken(catalogue, guard, id)).toThrow('there is no token');
      expect(() => other.storage.actingAs(id)).toThrow('there is no token');
    }
    expect(() => drop(maker.storage, maker.id)).toThrow('the one in use');
    expect(() => drop(admin, '1')).toThrow("the project's own");
    expect(() => made({}, child.storage)).toThrow('may not manage tokens');
    expect(maker.storage.actingAs(child.id).token.id).toBe(child.id);
    refreshToken(admin.parts.catalogue, child.storage.parts.guard, child.id);
  });

  test.each([
    { description: '' },
    { description: ' ' },
    { description: 'a\nb' },
    { description: 'x'.repeat(201) },
    { expires: 5 },
  ])('are refused with %j', (wrong) => {
    const input = { description: 'x', expires: undefined, rights: noRights, ...wrong };
    expect(() => createToken(admin.parts.catalogue, admin.parts.guard, input)).toThrow(/has 1 to 200|is of no use/);
  });
});

describe('tokens of jobs', () => {
  test("have exactly the rights of the job's token, never manage tokens, and own what it owns", async () => {
    const { id, storage } = made({ buckets: { 'in.c-a': 'write' }, tokens: 'manage' });
    const issued = await storage.issueJobToken('J1', 60);
    await using job = await openLocalStorage({ path, token: { secret: issued.secret, from: 'KBC_TOKEN' } });
    expect(job.refusal({ on: 'bucket', bucket: 'in.c-a', to: 'write' })).toBeUndefined();
    expect(job.refusal({ on: 'bucket', bucket: 'in.c-b', to: 'read' })?.message).toContain(
      'may not read bucket in.c-b',
    );
    expect(job.refusal({ on: 'tokens', to: 'manage' })?.message).toContain('may not manage tokens');
    expect(() => refreshToken(job.parts.catalogue, job.parts.guard, issued.id)).toThrow('there is no token');
    expect(() => refreshToken(job.parts.catalogue, job.parts.guard, id)).toThrow('there is no token');
    const file = await importFile(job, { source: { stream: Readable.from('x'), name: 'x' } }, signal);
    expect((await storage.findFiles({ limit: 9 })).map((found) => found.id)).toEqual([file]);
    await admin.revokeJobTokens('J1');
    expect(job.refusal({ on: 'files', to: 'all' })?.message).toContain('was revoked');
  });

  test('can be acted for by the project, also when they are gone', async () => {
    const issued = await admin.issueJobToken('J1', 60);
    const known = { id: issued.id, description: 'job J1' };
    expect(admin.actingAs(issued.id).token).toEqual(known);
    await admin.revokeJobTokens('J1');
    const late = admin.actingAs(issued.id, known);
    expect(late.token).toEqual(known);
    expect(late.refusal({ on: 'files', to: 'all' })?.message).toBe(`the token "job J1" (${issued.id}) was revoked`);
    expect(() => admin.actingAs(issued.id)).toThrow('there is no token');
  });

  test('go with the token they came from, and are not made of one that is gone', async () => {
    const { id, storage } = made({});
    const issued = await storage.issueJobToken('J1', 60);
    drop(admin, id);
    expect(tokenOf(admin.parts.catalogue, issued.secret)).toBeUndefined();
    await expect(storage.issueJobToken('J1', 60)).rejects.toThrow('was revoked');
  });

  test('are collected when they have expired; those of people stay, to be told of', async () => {
    const { id } = made({});
    const job = await admin.issueJobToken('J1', -1);
    const { catalogue, folder } = admin.parts;
    catalogue.run('UPDATE tokens SET expires = 5 WHERE id = ?', Number(id));
    await collect(catalogue, folder);
    expect(tokenOf(catalogue, job.secret)).toBeUndefined();
    expect(idsOf(admin)).toEqual(['1', id]);
  });
});

describe("the project's own secret", () => {
  test('is found whenever its renewal was cut off', async () => {
    const { catalogue, guard, folder } = admin.parts;
    const old = await secretOf();
    const cut = (): never => {
      throw new Error('killed before the commit');
    };
    const keepAndCut = (secret: string): void => {
      keepNext(folder, secret);
      cut();
    };
    expect(() => refreshToken(catalogue, guard, '1', keepAndCut)).toThrow('killed');
    expect([await projectToken(folder, catalogue), await secretOf()]).toEqual(['1', old]);
    // Killed after the commit.
    const { secret } = refreshToken(catalogue, guard, '1', (next) => keepNext(folder, next));
    expect(await secretOf()).toBe(old);
    expect([await projectToken(folder, catalogue), await secretOf()]).toEqual(['1', secret]);
    expect((await stat(folder.token)).mode & 0o777).toBe(0o600);
    await takeNext(folder);
  });

  test('that is lost is made anew by whoever owns the folder', async () => {
    await rm(join(path, 'token'));
    await expect(openLocalStorage({ path })).rejects.toThrow(/does not hold the secret/);
    await resetProjectToken(path);
    await (await openLocalStorage({ path })).close();
  });
});
