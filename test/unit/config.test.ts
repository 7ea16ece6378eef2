import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classify } from '../../src/base/errors.ts';
import { columnsWished, loadConfig } from '../../src/config.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-config-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function written(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

function refusal(path: string) {
  try {
    loadConfig({}, { COMPONENTD_CONFIG: path });
  } catch (error) {
    return classify(error);
  }
  throw new Error('nothing was refused');
}

test('flags win over the environment, that over the file, that over the defaults', async () => {
  const file = await written('good.json', '{"stateDir":"/file","project":"/file","address":"/file","tenant":"acme"}');
  const environment = { COMPONENTD_CONFIG: file, COMPONENTD_PROJECT: '/env', CONTAINERD_ADDRESS: 'unix:///env' };
  expect(loadConfig({ project: '/flag' }, environment)).toMatchObject({
    project: '/flag',
    address: '/env',
    stateDir: '/file',
    tenant: 'acme',
    policy: 'compatible',
  });
});

test('a file that was named and is not there is refused with its path and the way out', async () => {
  const file = await written('file', '{}');
  for (const path of [join(directory, 'none'), join(file, 'below')]) {
    const { class: kind, message, hint } = refusal(path);
    expect({ kind, message }).toEqual({ kind: 'user', message: expect.stringContaining(path) });
    expect(hint).toContain('COMPONENTD_CONFIG');
  }
});

test('a file that cannot be read is for the operator', () => {
  const { class: kind, message, hint } = refusal(directory);
  expect({ kind, message }).toEqual({ kind: 'infrastructure', message: expect.stringContaining(directory) });
  expect(hint).toContain('COMPONENTD_CONFIG');
});

test.each([
  ['{}', 4096],
  ['{"policy":"hardened"}', 512],
  ['{"pidsLimit":700,"policy":"hardened"}', 700],
])('with %s a container has at most %i processes', async (content, pidsLimit) => {
  expect(loadConfig({}, { COMPONENTD_CONFIG: await written('pids.json', content) })).toMatchObject({ pidsLimit });
});

test('limits of the operator are read as they are', async () => {
  const limits = {
    memory: '4g',
    cpus: 0.5,
    shm: '1m',
    ulimits: { nofile: 64, core: 0 },
    payAsYouGo: true,
    instanceCpus: 4,
  };
  const project = { 'runner.cpuParallelism': 2, 'runner.acme.ex.memoryLimitMBs': 64_000 };
  const file = await written('limits.json', JSON.stringify({ limits: { ...limits, project } }));
  expect(loadConfig({}, { COMPONENTD_CONFIG: file }).limits).toEqual({ ...limits, project });
});

test('every mistake in the limits is told at once with its path', async () => {
  const limits = {
    memory: '4 GB',
    shm: '0m',
    cpus: 0,
    Cpus: 2,
    ulimits: { nofile: 63, nproc: 10, stack: '8m' },
    payAsYouGo: 'yes',
    instanceCpus: 97,
    project: { 'runner.cpuParallelism': 0, 'runner.a.memoryLimitMBs': 64_001, 'components.max': 1 },
  };
  const { problems } = refusal(await written('bad-limits.json', JSON.stringify({ limits })));
  expect(problems.map(({ path }) => path)).toEqual([
    'limits.memory',
    'limits.shm',
    'limits.cpus',
    'limits.Cpus',
    'limits.ulimits.nofile',
    'limits.ulimits.nproc',
    'limits.ulimits.stack',
    'limits.payAsYouGo',
    'limits.instanceCpus',
    'limits.project.runner.cpuParallelism',
    'limits.project.runner.a.memoryLimitMBs',
    'limits.project.components.max',
  ]);
  expect(problems[3]?.hint).toContain('did you mean cpus?');
  expect(refusal(await written('list.json', '{"limits":[]}')).problems).toMatchObject([{ path: 'limits' }]);
});

test('every problem of a file is told at once', async () => {
  const path = await written('bad.json', '{"colour":true,"pidsLimit":-1,"policy":"lax","address":"relative"}');
  const { problems } = refusal(path);
  expect(problems.map((problem) => [problem.source, problem.path])).toEqual(
    ['colour', 'pidsLimit', 'policy', 'address'].map((key) => [path, key]),
  );
});

test('a runtime is runc, crun or one that the file describes, and a flag may choose it', async () => {
  const gvisor = { shim: 'io.containerd.runsc.v1', configPath: '/etc/runsc.toml' };
  const path = await written('gvisor.json', JSON.stringify({ runtime: 'gvisor', runtimes: { gvisor } }));
  expect(loadConfig({}, {}).runtime).toBe('runc');
  expect(loadConfig({}, { COMPONENTD_CONFIG: path })).toMatchObject({ runtime: 'gvisor', runtimes: { gvisor } });
  expect(loadConfig({}, { COMPONENTD_CONFIG: path, COMPONENTD_RUNTIME: 'crun' }).runtime).toBe('crun');
  expect(loadConfig({ runtime: 'runc' }, { COMPONENTD_RUNTIME: 'crun' }).runtime).toBe('runc');
});

test('an unknown runtime is refused with the one that was meant and those that are known', () => {
  expect(() => loadConfig({ runtime: 'crn' }, {})).toThrow(
    /"crn" is not known \(did you mean crun\? known are runc, crun;/,
  );
  expect(() => loadConfig({ runtime: 'toString' }, {})).toThrow(/"toString" is not known/);
});

test('every problem of the runtimes is told at once, with its path', async () => {
  const runtimes = {
    'Big Name': {},
    crun: { binary: '../crun', root: 'relative', systemdCgroup: true },
    both: { binary: '/usr/bin/x', shim: 'io.containerd.x.v1' },
    pathless: { shim: 'runsc' },
    shimless: { configPath: '/etc/x' },
    text: 'runc',
  };
  const path = await written('runtimes.json', JSON.stringify({ runtimes, concurrentCreates: 0 }));
  expect(refusal(path).problems.map((problem) => problem.path)).toEqual([
    'runtimes.Big Name',
    'runtimes.crun.binary',
    'runtimes.crun.root',
    'runtimes.crun.systemdCgroup',
    'runtimes.both',
    'runtimes.pathless.shim',
    'runtimes.shimless',
    'runtimes.text',
    'concurrentCreates',
  ]);
});

test('colour is for terminals, unless a flag, FORCE_COLOR, NO_COLOR or TERM, in this order, says otherwise', () => {
  const color = (environment: Record<string, string>, flags = {}) => loadConfig(flags, environment).color;
  expect(color({})).toBe('auto');
  expect(color({ NO_COLOR: '' })).toBe('auto');
  expect(color({ NO_COLOR: '1' })).toBe('never');
  expect(color({ TERM: 'dumb' })).toBe('never');
  expect(color({ TERM: 'dumb', NO_COLOR: '1', FORCE_COLOR: '1' })).toBe('always');
  expect(color({ FORCE_COLOR: '0' })).toBe('never');
  expect(color({ FORCE_COLOR: '1' }, { color: 'never' })).toBe('never');
});

test('a width is a number of columns', () => {
  expect(['40', '0', '-1', 'x', '', '99999'].map((COLUMNS) => columnsWished({ COLUMNS }))).toEqual([40, ...Array(5)]);
});

test('a token comes from the environment, and the file of a flag is told beside it', () => {
  expect(loadConfig({}, {})).toMatchObject({ token: undefined, tokenFile: undefined });
  expect(loadConfig({}, { COMPONENTD_TOKEN: '' }).token).toBeUndefined();
  expect(loadConfig({ tokenFile: '/t' }, { COMPONENTD_TOKEN: '7-x' })).toMatchObject({ token: '7-x', tokenFile: '/t' });
});
