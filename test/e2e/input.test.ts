import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { filesWith, mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

async function withMain(more?: object): Promise<Site> {
  if (more === undefined) return await tenant.site({ prepare: mainDefined });
  const site = await tenant.site();
  await site.define('test.main', more);
  return site;
}

/** What a refusal printed; nothing may have been made. */
async function refusal(site: Site, body: unknown, code = 1): Promise<Line> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const ran = await site.run(['--json', 'run', await site.file('job.json', text)]);
  expect({ code: ran.code, stdout: ran.stdout }).toMatchObject({ code });
  expect(existsSync(`${site.stateDir}/jobs`), 'a job was made').toBe(false);
  const [line, ...others] = ran.lines;
  expect(others).toEqual([]);
  expect(ran.stderr).toMatch(/^componentd: /);
  return line as Line;
}

const paths = ({ problems }: Line): string[] => problems.map(({ path }: Line) => path);

describe('a job file', () => {
  test('with mistakes at all levels is refused with all of them at once, each with file, path and hint', async () => {
    const site = await withMain();
    const body = {
      component: 'test.main',
      mod: 'run',
      configRowIds: 'r1',
      mode: 'fats',
      configData: {
        parametres: {},
        runtime: { process_timeout: 0 },
        storage: {
          input: { tables: [{ sorce: 'a' }, { source: 'in.c-a.b', where_column: 'x' }], files: [{}] },
          output: { tables: [{ source: 't.csv', destination: 'out.c-a.b', primary_key: 7 }] },
        },
      },
    };
    const error = await refusal(site, body);
    expect(error).toMatchObject({ type: 'error', class: 'user' });
    expect(paths(error)).toEqual(
      expect.arrayContaining([
        'mod',
        'configRowIds',
        'mode',
        'container.parametres',
        'container.runtime.process_timeout',
        'container.storage.input.tables.0.sorce',
        'container.storage.input.tables.1.where_values',
        'container.storage.input.files.0',
        'container.storage.output.tables.0.primary_key',
      ]),
    );
    for (const problem of error.problems) {
      expect(problem.source).toContain('job.json');
      expect(problem.hint, problem.path).toMatch(/./);
    }
    const { stderr } = await site.run(['run', `${site.folder}/job.json`]);
    for (const path of paths(error)) expect(stderr).toContain(path);
  });

  test.each([
    ['{"component": "test.main",\n  "config": }', 2, 13],
    ['{"component": "test.main" "config": "1"}', 1, 27],
    ['', 1, 1],
    ['{"component": "test.main", "config": "1"', 1, 41],
  ])('that is not JSON is refused with line and column: %j', async (text, line, column) => {
    const error = await refusal(await tenant.site(), text);
    expect(error.problems).toEqual([
      expect.objectContaining({ line, column, source: expect.stringContaining('job.json') }),
    ]);
  });

  test.each([
    ['a list', '[]'],
    ['a number', '7'],
    ['nested without end', '['.repeat(200_000)],
    ['binary', '\u0000\u0001\u0002'],
    ['empty object', '{}'],
  ])('that is %s is refused and nothing is made', async (_, text) => {
    await refusal(await tenant.site(), text);
  });

  test('that is missing, or a folder, is refused by its name', async () => {
    const site = await tenant.site();
    for (const path of [`${site.folder}/none.json`, site.folder]) {
      const { code, stderr } = await site.run(['run', path === site.folder ? `${path}/` : path]);
      expect(code, stderr).not.toBe(0);
      expect(stderr).toContain(path);
    }
  });
});

describe('names that are not known', () => {
  test.each([
    ['a component', { component: 'no.such', configData: {} }, 'no.such'],
    ['a configuration', { component: 'test.main', config: '77' }, '77'],
    ['rows', { component: 'test.main', configData: {}, configRowIds: ['r1', 'r2'] }, 'r1, r2'],
    [
      'a processor',
      { component: 'test.main', configData: { processors: { after: [{ definition: { component: 'no.proc' } }] } } },
      'no.proc',
    ],
  ])('of %s end the job before it begins (facts 56, 67)', async (_, body, name) => {
    const { class: kind, message } = await refusal(await withMain(), body);
    expect([kind, message]).toEqual(['user', expect.stringContaining(name)]);
  });

  test('of an input table are found before any container runs', async () => {
    const site = await withMain();
    const tables = ['in.c-no.such', 'in.c-no.other'].map((source) => ({ source }));
    const error = await refusal(site, { component: 'test.main', configData: { storage: { input: { tables } } } });
    expect(error.message).toMatch(/in\.c-no\.such.*in\.c-no\.other/);
    expect(paths(error)).toEqual([0, 1].map((index) => `container.storage.input.tables.${index}.source`));
  });
});

describe('configurations', () => {
  test('an unknown key in an input table is refused by its path, by config set too (fact 46)', async () => {
    const site = await withMain();
    const configuration = { storage: { input: { tables: [{ source: 'in.c-a.b', foo: 1 }] } } };
    const path = 'container.storage.input.tables.0.foo';
    expect(paths(await refusal(site, { component: 'test.main', configData: configuration }))).toContain(path);
    const set = await site.run(['config', 'set', 'test.main', '1', '-'], { input: JSON.stringify(configuration) });
    expect({ code: set.code, stderr: set.stderr }).toEqual({ code: 1, stderr: expect.stringContaining(path) });
    expect((await site.ask(['config', 'ls'])).configurations).toEqual([]);
  });

  test('processors on both levels are refused (fact 55)', async () => {
    const site = await withMain();
    const processors = { after: [{ definition: { component: 'test.main' } }] };
    const input = JSON.stringify({
      configuration: { processors },
      rows: [{ id: 'row-seven', configuration: { processors } }],
    });
    const { code, stderr } = await site.run(['config', 'set', 'test.main', '1', '-'], { input });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('row-seven') });
  });

  test('a secret of the component under a # key is refused by its path; elsewhere it is allowed (fact 45)', async () => {
    const site = await withMain({ image_parameters: { '#key': 'component-secret' } });
    const borrowed = {
      component: 'test.main',
      configData: { parameters: { deep: [{ '#mine': 'component-secret' }] } },
    };
    const error = await refusal(site, borrowed);
    expect(paths(error)).toEqual([expect.stringMatching(/parameters\.deep\.0\.#mine$/)]);
    expect(JSON.stringify(error)).not.toContain('component-secret');
    expect((await site.script('true', { parameters: shell('true', { mine: 'component-secret' }) })).code).toBe(0);
  });

  test('a default bucket without a configuration id is refused (fact 89)', async () => {
    const { message } = await refusal(await withMain({ default_bucket: true }), {
      component: 'test.main',
      configData: {},
    });
    expect(message).toContain('default bucket');
  });

  test('what this version does not do is refused by name before anything runs', async () => {
    const site = await withMain();
    const input = { tables: [{ source: 'in.c-a.b', changed_since: 'adaptive' }], files: [{ query: 'name:x' }] };
    const output = {
      tables: [{ source: 'a.csv', destination: 'out.c-a.b', delete_where_column: 'x', delete_where_values: ['1'] }],
    };
    const error = await refusal(site, {
      component: 'test.main',
      mode: 'debug',
      variableValuesId: '5',
      configData: {
        variables_id: '1',
        artifacts: { runs: { enabled: true, filter: { limit: 1 } } },
        storage: { input, output },
      },
    });
    expect(paths(error)).toEqual(
      expect.arrayContaining([
        'mode',
        'variableValuesId',
        'container.variables_id',
        'container.artifacts.runs',
        'container.storage.input.tables.0.changed_since',
        'container.storage.input.files.0.query',
        'container.storage.output.tables.0.delete_where_column',
      ]),
    );
  });

  test.each([
    [{ logging: { type: 'gelf' } }, 'data.logging.type'],
    [{ staging_storage: { input: 's3' } }, 'data.staging_storage.input'],
  ])('a definition with %j is refused at plan time by name', async (more, path) => {
    const error = await refusal(await withMain(more), { component: 'test.main', configData: {} });
    expect(paths(error)).toEqual([path]);
  });
});

describe('definitions', () => {
  test.each([
    ['{"id":"a.b","data":{"definition":{"type":"dockerhub","uri":""}}}', 'data.definition.uri'],
    ['{"id":"a.b","data":{"definition":{"type":"docker","uri":"x"}}}', 'data.definition.type'],
    ['{"id":"a.b","data":{"definition":{"type":"dockerhub","uri":"x"},"memory":"lots"}}', 'data.memory'],
    ['{"id":"a.b"}', 'data'],
    ['{"data":{"definition":{"type":"dockerhub","uri":"x"}}}', 'id'],
  ])('%s is refused by its path when it is added (fact 19)', async (input, path) => {
    const site = await tenant.site();
    const { code, stderr } = await site.run(['component', 'add', '-'], { input });
    expect(code).toBe(1);
    expect(stderr).toContain(path);
    expect((await site.ask(['component', 'ls'])).components).toEqual([]);
  });
});

describe('the command line', () => {
  test.each([
    [['rnu'], 'rnu'],
    [['run', '--confg', '1', 'a.b'], '--confg'],
    [['run'], 'target'],
    [[], 'a verb is missing'],
    [['resume'], 'job'],
    [['image', 'shove'], 'shove'],
    [['run', 'a.b'], '--config'],
    [['storage', 'export'], '--file'],
    [['storage', 'show', 'in.c-a.b', '--rows', 'many'], '--rows'],
  ])('%j is 64 and says what is wrong', async (args, named) => {
    const { code, stderr } = await (await tenant.site()).run(args);
    expect(code).toBe(64);
    expect(stderr).toContain(named);
  });

  test('a project, a file and a table that are not there are named', async () => {
    const site = await tenant.site();
    for (const [args, named] of [
      [['storage', 'ls', '--project', '/no/project'], '/no/project'],
      [['storage', 'export', 'in.c-no.such'], 'in.c-no.such'],
      [['storage', 'export', '--file', '123456'], '123456'],
      [['config', 'show', 'a.b', '9'], '9'],
      [['resume', '01ARZ3NDEKTSV4RRFFQ69G5FAV'], '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      [['resume', '../../etc'], '../../etc'],
      [['image', 'rm', 'no/such:1'], 'no/such:1'],
      [['image', 'import', '/no/archive.tar'], '/no/archive.tar'],
      [['component', 'add', '/no/file.json'], '/no/file.json'],
    ] as const) {
      const { code, stderr } = await site.run(args);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(named) });
    }
  });
});

describe('plan', () => {
  test('prints every decision with secrets hidden, and starts nothing', async () => {
    const site = await withMain({ image_parameters: { '#key': 'image-secret-1' } });
    const configuration = { parameters: shell('true', { city: 'Brno', '#token': 'own-secret-2' }) };
    await site.ask(['config', 'set', 'test.main', '1', '-'], { input: JSON.stringify(configuration) });
    const { code, stdout } = await site.run(['plan', 'test.main', '--config', '1', '--address', '/no/containerd']);
    expect(code).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan).toMatchObject({ component: 'test.main', images: [{ reference: 'test/shell:1' }] });
    expect(plan.rows[0].stages[0].configFile).toMatchObject({
      parameters: { city: 'Brno', '#token': '[hidden]' },
      image_parameters: { '#key': '[hidden]' },
    });
    expect(stdout).not.toMatch(/secret-[12]|KBC::/);
    expect(await readdir(site.stateDir)).not.toContain('jobs');
  });

  test('and Storage keep no secret in plain text', async () => {
    const site = await withMain({ image_parameters: { '#key': 'image-secret-1' } });
    const input = JSON.stringify({ parameters: shell('true', { '#token': 'own-secret-2' }) });
    await site.ask(['config', 'set', 'test.main', '1', '-'], { input });
    await site.script('true', { parameters: shell('true', { '#token': 'own-secret-3' }) });
    for (const secret of ['image-secret-1', 'own-secret-2', 'own-secret-3']) {
      expect(await filesWith(site.folder, secret)).toEqual([]);
    }
  });
});

describe('--json', () => {
  test('gives events with their time and one result as the last line; plain text otherwise', async () => {
    const site = await withMain();
    const { stdout, lines } = await site.script('echo hello; echo oops >&2');
    expect(stdout.split('\n').filter((line) => line !== '')).toHaveLength(lines.length);
    expect(lines.filter(({ type }) => type === 'result')).toEqual([lines.at(-1)]);
    for (const line of lines.slice(0, -1)) expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(lines[0]?.type).toBe('job-started');
    const body = JSON.stringify({ component: 'test.main', configData: { parameters: shell('echo hello') } });
    const plain = await site.run(['run', '-'], { input: body });
    expect(plain.lines).toEqual([]);
    expect(plain.stdout).toMatch(/hello\n(.*\n)*Component processing finished/);
    const quiet = await site.run(['--quiet', 'run', '-'], { input: body });
    expect(quiet.stdout).not.toContain('hello');
    expect(quiet.stdout.trim().split('\n')).toHaveLength(1);
  });
});
