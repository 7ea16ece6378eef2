import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Line, type Ran, startCli } from '../support/cli.ts';

let directory: string;
let data: string;

const run = (args: readonly string[], input = ''): Promise<Ran> => {
  const env = {
    PATH: process.env.PATH,
    TMPDIR: join(directory, 'tmp'),
    COMPONENTD_PROJECT: join(directory, 'project'),
    COMPONENTD_STATE_DIR: join(directory, 'state'),
  };
  return startCli({ args, env, input }).done;
};

/** The places of everything that is wrong. */
async function problems(args: readonly string[], input?: string): Promise<string[]> {
  const { code, lines, stderr } = await run(['--json', 'validate', ...args], input);
  const result = lines[0] as Line;
  expect({ args, stderr, lines: lines.length, type: result.type }).toEqual({
    args,
    stderr: '',
    lines: 1,
    type: 'result',
  });
  expect(code).toBe(result.valid === true ? 0 : 1);
  return (result.problems as { source?: string; path?: string; line?: number }[]).map(({ source, path, line }) =>
    [source, line, path]
      .filter((part) => part !== undefined)
      .join(':')
      .replaceAll(`${directory}/`, ''),
  );
}

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(data, name)), { recursive: true });
    await writeFile(join(data, name), content);
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-validate-test-'));
  data = join(directory, 'data');
  await mkdir(join(directory, 'tmp'));
  expect(await run(['init'])).toMatchObject({ code: 0 });
  const definition =
    '{"id":"acme.x","data":{"definition":{"type":"dockerhub","uri":"acme/x","tag":"1"}, "network":"none"}}';
  expect(await run(['component', 'add', '-'], definition)).toMatchObject({ code: 0 });
  expect(await run(['storage', 'import', 'in.c-a.t', '-'], 'a\n1\n')).toMatchObject({ code: 0 });
});
beforeEach(() => rm(data, { recursive: true, force: true }));
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a configuration', () => {
  const wrong = {
    storage: {
      input: {
        tables: [
          { source: 'in.c-a.t' },
          { source: 'in.c-a.none', destination: 'a/b' },
          { source: 'in.c-a.u', colums: [] },
        ],
        files: [{ file_ids: [7] }, { tags: ['a'], changed_since: 'soonish' }],
      },
    },
    processors: { before: [{ definition: { component: 'no.such' } }] },
  };

  test('is told everything at once: schema, mapping, and with its component what is not there', async () => {
    const own = [
      'standard input:container.storage.input.files.1.changed_since',
      'standard input:container.storage.input.tables.1.destination',
      'standard input:container.storage.input.tables.2.colums',
    ];
    expect((await problems(['config', '-'], JSON.stringify(wrong))).toSorted()).toEqual(own);
    const missing = ['files.0.file_ids', 'tables.1.source', 'tables.2.source'].map(
      (path) => `standard input:container.storage.input.${path}`,
    );
    expect((await problems(['config', '-', '--component', 'acme.x'], JSON.stringify(wrong))).toSorted()).toEqual(
      [...own, ...missing].toSorted(),
    );
  });

  test('has rows, each of which counts; what is fine is said to be fine', async () => {
    const rows = [
      { id: 'a', configuration: { storage: { input: { tables: [{}] } } } },
      { id: 'b', configuration: { runtime: { process_timeout: 'x' } } },
    ];
    const found = await problems(['config', '-'], JSON.stringify({ configuration: {}, rows }));
    expect(found.map((place) => place.split(':')[0])).toEqual(['standard input, row a', 'standard input, row b']);
    const fine = await run(['validate', 'config', '-', '--component', 'acme.x'], '{"parameters":{}}');
    expect(fine).toMatchObject({ code: 0, stdout: 'standard input is fine\n', stderr: '' });
    expect(await problems(['config', '-'], '{"a":')).toEqual(['standard input:1']);
    expect(await run(['validate', 'config', '-', '--component', 'none'], '{}')).toMatchObject({ code: 1 });
  });

  test('a job names all inputs that are missing when it is planned', async () => {
    const tables = ['in.c-a.one', 'in.c-a.two'].map((source) => ({ source }));
    const body = { component: 'acme.x', configData: { storage: { input: { tables } } } };
    const { code, stderr } = await run(['plan', '-'], JSON.stringify(body));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/"in\.c-a\.one"(.|\n)*"in\.c-a\.two"/)]);
  });
});

test('a definition and a manifest', async () => {
  expect(await problems(['component', '-'], '{"id":5}')).toEqual(['standard input:data', 'standard input:id']);
  expect(
    await problems(['component', '-'], '{"id":"a.b","data":{"definition":{"type":"dockerhub","uri":"a/b"}}}'),
  ).toEqual([]);
  expect(await problems(['manifest', '-'], '{"colums":[]}')).toEqual(['standard input:colums']);
  expect(await problems(['manifest', '-', '--kind', 'file'], '{"tags":["a"]}')).toEqual([]);
  expect(await problems(['manifest', '-', '--kind', 'file'], 'tags: a\n')).toEqual(['standard input:tags']);
  expect(await run(['validate', 'manifest', '-', '--kind', 'x'])).toMatchObject({ code: 64 });
});

describe('a data folder', () => {
  test('is fine when Storage would take all of it', async () => {
    await write({
      'config.json': '{}',
      'in/tables/t.csv': 'a,b\n1,2\n',
      'in/files/1_x': 'x',
      'out/tables/plain.csv': 'a,b\n1,"2\n3"\n',
      'out/tables/semicolons.csv': '1;2\n',
      'out/tables/semicolons.csv.manifest': '{"columns":["a","b"],"delimiter":";"}',
      'out/tables/sliced/1': '1\n',
      'out/tables/sliced/2': '2\n',
      'out/tables/sliced.manifest': '{"columns":["a"]}',
      'out/files/f': 'f',
      'out/files/f.manifest': '{"tags":["a"],"is_permanent":true}',
      'out/state.json': '{}',
    });
    expect(await problems(['data', data])).toEqual([]);
    expect((await run(['validate', 'data', join(data, 'out')])).stdout).toMatch(/3 tables, 4 rows, 1 file\) is fine/);
  });

  test('is told what is wrong everywhere, links not followed, and nothing is left', async () => {
    await write({
      'in/tables/t.csv': 'a\n1,2\n',
      'out/tables/open.csv': 'a\n"1\n',
      'out/tables/typo.csv': 'a\n1\n',
      'out/tables/typo.csv.manifest': '{"primry_key":["a"]}',
      'out/tables/sliced/1': '1\n',
      'out/tables/orphan.manifest': '{}',
      'out/files/f': 'f',
      'out/files/f.manifest': '{"tags":',
      'out/state.json': '{',
    });
    await symlink('/etc/passwd', join(data, 'out/files/link'));
    expect((await problems(['data', data])).toSorted()).toEqual([
      'data/in/tables/t.csv:2',
      'data/out/files/f.manifest:1',
      'data/out/state.json:1',
      'data/out/tables/open.csv:2',
      'data/out/tables/sliced',
      'data/out/tables/typo.csv.manifest:primry_key',
      'out/files/link',
      'out/tables/orphan.manifest',
    ]);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  test('is one', async () => {
    expect(await run(['validate', 'data', join(directory, 'none')])).toMatchObject({ code: 1, stdout: '' });
    expect(await run(['validate', 'data', directory])).toMatchObject({ code: 1, stdout: '' });
  });
});
