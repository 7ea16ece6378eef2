import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Line, type Ran, startCli } from '../support/cli.ts';

let directory: string;
let project: string;

function run(args: readonly string[], input?: string): Promise<Ran> {
  return startCli({ args, env: { PATH: process.env.PATH, COMPONENTD_PROJECT: project }, input }).done;
}

/** The result object of a command that must succeed. */
async function ask(args: readonly string[], input?: string): Promise<Line> {
  const ran = await run(['--json', ...args], input);
  expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({ args, code: 0, stderr: '' });
  const [line] = ran.lines;
  expect(ran.lines).toHaveLength(1);
  expect(line?.type).toBe('result');
  return line as Line;
}

async function refused(args: readonly string[], code: number, ...parts: readonly string[]): Promise<void> {
  const ran = await run(args, '{"parameters":{}}');
  expect({ args, code: ran.code }).toEqual({ args, code });
  for (const part of parts) expect(ran.stderr).toContain(part);
}

const rowsOf = async (config: string): Promise<string[]> => {
  const { rows } = await ask(['config', 'row', 'ls', 'acme.x', config]);
  return (rows as { id: string; isDisabled: boolean }[]).map(({ id, isDisabled }) => (isDisabled ? `(${id})` : id));
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-config-'));
  project = join(directory, 'project');
  await ask(['init']);
  await ask(
    ['component', 'add', '-'],
    '{"id":"acme.x","data":{"definition":{"type":"dockerhub","uri":"acme/x","tag":"1"},"network":"none"}}',
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('versions', () => {
  test('tell who, when and why, differ without showing secrets, and come back', async () => {
    const config = (city: string, secret: string) => JSON.stringify({ parameters: { city, '#t': secret } });
    const named = ['--name', 'Weather', '--description', 'of towns', '--message', 'first'];
    expect(await ask(['config', 'set', 'acme.x', '1', '-', ...named], config('Brno', 'geheim'))).toMatchObject({
      version: '1',
    });
    await ask(['config', 'set', 'acme.x', '1', '-'], config('Praha', 'geheim'));
    await ask(['config', 'set', 'acme.x', '1', '-'], config('Praha', 'geheimer'));
    const { versions } = await ask(['config', 'versions', 'acme.x', '1']);
    expect(versions).toMatchObject([
      { version: '3', author: 'componentd', changeDescription: '' },
      { version: '2' },
      { version: '1', changeDescription: 'first', created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
    ]);
    const city = { path: 'configuration.parameters.city', kind: 'changed', before: 'Brno', after: 'Praha' };
    const secret = { path: 'configuration.parameters.#t', kind: 'changed', before: '[hidden]', after: '[hidden]' };
    expect((await ask(['config', 'diff', 'acme.x', '1'])).changes).toEqual([secret]);
    expect((await ask(['config', 'diff', 'acme.x', '1', '1', '2'])).changes).toEqual([city]);
    expect((await ask(['config', 'diff', 'acme.x', '1', '1'])).changes).toEqual([city, secret]);
    expect((await run(['config', 'diff', 'acme.x', '1', '1', '2'])).stdout).toBe(
      '~ configuration.parameters.city: "Brno" → "Praha"\n',
    );
    expect(await ask(['config', 'rollback', 'acme.x', '1', '1'])).toMatchObject({ version: '4' });
    expect((await ask(['config', 'diff', 'acme.x', '1', '1', '4'])).changes).toEqual([]);
    expect(await ask(['config', 'show', 'acme.x', '1'])).toMatchObject({
      name: 'Weather',
      description: 'of towns',
      version: '4',
    });
    const old = await ask(['config', 'show', 'acme.x', '1', '--version', '2']);
    expect(old).toMatchObject({ version: '2', configuration: { parameters: { city: 'Praha' } } });
    expect(JSON.stringify(old)).not.toContain('geheim');
    await refused(['config', 'show', 'acme.x', '1', '--version', '9'], 1, 'no version "9"', 'from 1 to 4');
    await refused(['config', 'rollback', 'acme.x', '9', '1'], 1, 'no configuration "9"');
  });

  test('of a copy begin anew, and the trash gives back what it has', async () => {
    await ask(['config', 'set', 'acme.x', '10', '-'], '{"configuration":{},"rows":[{"id":"r","name":"Row"}]}');
    expect(await ask(['config', 'copy', 'acme.x', '10', '11', '--name', 'Copy'])).toMatchObject({
      config: '11',
      version: '1',
    });
    await refused(['config', 'copy', 'acme.x', '10', '11'], 1, 'already');
    const shown = await ask(['config', 'show', 'acme.x', '11']);
    expect(shown).toMatchObject({ name: 'Copy', rows: [{ id: 'r', name: 'Row' }] });
    expect(await ask(['config', 'rm', 'acme.x', '11'])).toMatchObject({ isPurged: false });
    await refused(['config', 'show', 'acme.x', '11'], 1, 'in the trash', 'config restore');
    await refused(['plan', 'acme.x', '--config', '11'], 1, 'was not found');
    expect((await ask(['config', 'ls', '--deleted'])).configurations).toMatchObject([{ id: '11' }]);
    await ask(['config', 'restore', 'acme.x', '11']);
    expect(await ask(['config', 'show', 'acme.x', '11'])).toEqual(shown);
    expect(await ask(['config', 'rm', 'acme.x', '11', '--force'])).toMatchObject({ isPurged: true });
    await refused(['config', 'restore', 'acme.x', '11'], 1, 'in the trash');
  });
});

describe('rows', () => {
  test('are added, moved, switched and removed, in an order that jobs keep', async () => {
    await ask(['config', 'set', 'acme.x', '20', '-'], '{"parameters":{"a":1}}');
    const row = (...args: readonly string[]) => ['config', 'row', ...args];
    await ask(row('add', 'acme.x', '20', 'one', '-', '--name', 'One'), '{"parameters":{"n":1}}');
    await ask(row('add', 'acme.x', '20', 'two', '-', '--to', '1'), '{"parameters":{"n":2}}');
    await ask(row('add', 'acme.x', '20', 'off', '-', '--after', 'two', '--disabled'), '{"parameters":{"n":3}}');
    expect(await rowsOf('20')).toEqual(['two', '(off)', 'one']);
    await ask(row('move', 'acme.x', '20', 'one', '--before', 'off', '--message', 'sooner'));
    expect(await rowsOf('20')).toEqual(['two', 'one', '(off)']);
    const planned = async (...args: readonly string[]) => {
      const { rows, warnings } = JSON.parse(
        (await run(['--json', 'plan', 'acme.x', '--config', '20', ...args])).stdout,
      );
      return { rows: rows.map(({ rowId }: { rowId: string }) => rowId), warnings };
    };
    expect(await planned()).toEqual({ rows: ['two', 'one'], warnings: ['row off is disabled and does not run'] });
    expect((await planned('--row', 'off')).rows).toEqual(['off']);
    await ask(row('enable', 'acme.x', '20', 'off'));
    await ask(row('disable', 'acme.x', '20', 'two'));
    expect((await planned()).rows).toEqual(['one', 'off']);
    await ask(row('set', 'acme.x', '20', 'one', '-', '--description', 'the first'), '{"parameters":{"n":10}}');
    expect((await ask(row('show', 'acme.x', '20', 'one'))).row).toEqual({
      id: 'one',
      name: 'One',
      description: 'the first',
      isDisabled: false,
      configuration: { parameters: { n: 10 } },
      state: {},
    });
    await ask(row('rm', 'acme.x', '20', 'two'));
    expect(await rowsOf('20')).toEqual(['one', 'off']);
    const { versions } = await ask(['config', 'versions', 'acme.x', '20']);
    expect(versions.map(({ changeDescription }: Line) => changeDescription)).toEqual([
      'remove row two',
      'change row one',
      'disable row two',
      'enable row off',
      'sooner',
      'add row off',
      'add row two',
      'add row one',
      '',
    ]);
    await refused(row('add', 'acme.x', '20', 'one', '-'), 1, 'has a row "one" already');
    await refused(row('set', 'acme.x', '20', 'none', '-'), 1, 'has no row "none"', 'one, off');
    await refused(row('move', 'acme.x', '20', 'one', '--to', '3'), 64, 'from 1 to 2');
    await refused(row('move', 'acme.x', '20', 'one', '--to', '1', '--before', 'off'), 64, 'one place');
    await refused(row('move', 'acme.x', '20', 'one', '--before', 'x'), 1, 'no other row "x"');
    await refused(row('add', 'acme.x', '99', 'one', '-'), 1, 'no configuration "99"');
  });

  test('that cannot run, or share an id, are refused by name', async () => {
    const ran = await run(
      ['config', 'set', 'acme.x', '30', '-'],
      '{"configuration":{},"rows":[{"id":"a"},{"id":"a"}]}',
    );
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('the row "a" is there more than once') });
    await ask(['config', 'set', 'acme.x', '30', '-'], '{}');
    const file = join(directory, 'row.json');
    await writeFile(file, '{"storage":{"input":{"tables":[{}]}}}');
    await refused(['config', 'row', 'add', 'acme.x', '30', 'r', file], 1, file, 'tables.0.source');
    expect(await rowsOf('30')).toEqual([]);
  });
});

test('states are shown, replaced and emptied, without a version', async () => {
  await ask(['config', 'set', 'acme.x', '40', '-'], '{"configuration":{},"rows":[{"id":"r"}]}');
  const state = (...args: readonly string[]) => ['config', 'state', ...args];
  await ask(state('set', 'acme.x', '40', '-', '--row', 'r'), '{"component":{"since":1.0,"#t":"geheim"}}');
  const shown = await run(state('show', 'acme.x', '40', '--row', 'r'));
  expect(shown.stdout).toMatch(/"since": 1\.0,\n\s+"#t": "KBC::/);
  expect((await ask(state('show', 'acme.x', '40'))).state).toEqual({});
  const reset = await ask(state('reset', 'acme.x', '40', '--row', 'r'));
  expect(reset.before).toMatchObject({ component: { since: 1 } });
  expect((await ask(state('show', 'acme.x', '40', '--row', 'r'))).state).toEqual({});
  expect((await ask(['config', 'versions', 'acme.x', '40'])).versions).toHaveLength(1);
  const wrong = await run(state('set', 'acme.x', '40', '-'), '{"foo":1}');
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('foo') });
});
