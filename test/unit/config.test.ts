import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classify } from '../../src/base/errors.ts';
import { loadConfig } from '../../src/config.ts';

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

test('every problem of a file is told at once', async () => {
  const path = await written('bad.json', '{"colour":true,"pidsLimit":-1,"policy":"lax","address":"relative"}');
  const { problems } = refusal(path);
  expect(problems.map((problem) => [problem.source, problem.path])).toEqual(
    ['colour', 'pidsLimit', 'policy', 'address'].map((key) => [path, key]),
  );
});
