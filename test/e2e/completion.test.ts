import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ulid } from '../../src/base/ids.ts';
import { type Ran, startCli } from '../support/cli.ts';

const bin = join(import.meta.dirname, '../../bin');
const job = ulid();
let directory: string;
let env: NodeJS.ProcessEnv;

const run = (args: readonly string[], input = ''): Promise<Ran> => startCli({ args, env, input }).done;

/** The words that are offered for the last of these. */
async function offered(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(['__complete', '--', ...words]);
  expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] as string);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-completion-'));
  env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: directory,
    COMPONENTD_PROJECT: join(directory, 'project'),
    COMPONENTD_STATE_DIR: join(directory, 'state'),
  };
  const definition = '{"id":"acme.x","data":{"definition":{"type":"dockerhub","uri":"acme/x","tag":"1"}}}';
  const configuration = { name: 'Weather\n$(reboot)\n:files', configuration: {}, rows: [{ id: 'r1' }] };
  expect(await run(['init'])).toMatchObject({ code: 0 });
  expect(await run(['component', 'add', '-'], definition)).toMatchObject({ code: 0 });
  expect(await run(['config', 'set', 'acme.x', '12', '-'], JSON.stringify(configuration))).toMatchObject({ code: 0 });
  expect(await run(['storage', 'import', 'in.c-a.t', '-'], 'a\n1\n')).toMatchObject({ code: 0 });
  await mkdir(join(directory, 'state', 'jobs', job), { recursive: true });
  await writeFile(join(directory, 'orders.csv'), 'a\n');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('verbs, flags and ids are offered where they belong, and no name is taken for a word', async () => {
  expect(await offered('')).toEqual(expect.arrayContaining(['run', 'storage', 'logs']));
  expect(await offered('')).not.toContain('__complete');
  expect(await offered('stor')).toEqual(['storage']);
  expect(await offered('storage', 'ex')).toEqual(['export']);
  expect(await offered('run', '')).toEqual(['acme.x', ':files']);
  expect(await offered('run', 'acme.x', '--c')).toEqual(['--config']);
  expect(await offered('run', 'acme.x', '--config', '')).toEqual(['12']);
  expect(await offered('run', 'acme.x', '--config=1')).toEqual(['--config=12']);
  expect(await offered('run', 'acme.x', '--config', '12', '--row', '')).toEqual(['r1']);
  expect(await offered('config', 'show', 'acme.x', '')).toEqual(['12']);
  expect(await offered('storage', 'show', 'in')).toEqual(['in.c-a.t']);
  expect(await offered('logs', '')).toEqual(['latest', job]);
  expect(await offered('--json', 'logs', job.slice(0, 3))).toEqual([job]);
  expect(await offered('image', 'import', '')).toEqual([':files']);
  expect(await offered('--project', '/none', 'storage', 'show', '')).toEqual([]);
  expect(await offered('nonsense', '')).toEqual(expect.any(Array));
});

test('only three shells have a script', async () => {
  expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 64, stdout: '' });
});

/** What a shell prints that has loaded its script. */
function inShell(shell: string, sentence: string): string[] {
  const { stdout, stderr } = spawnSync(shell, ['-c', sentence], { env, cwd: directory, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split(/\s+/).filter((word) => word !== '');
}

const has = (shell: string): boolean => ['/bin', '/usr/bin'].some((folder) => existsSync(join(folder, shell)));

describe('the script', () => {
  test('of bash completes', () => {
    const ask = (...words: string[]) =>
      inShell(
        'bash',
        `source <(componentd completion bash); COMP_WORDS=(componentd ${words.join(' ')}); COMP_CWORD=${words.length}; _componentd; echo "\${COMPREPLY[@]}"`,
      );
    expect(ask('sto')).toEqual(['storage']);
    expect(ask('run', 'acme.x', '--config', "''")).toEqual(['12']);
    expect(ask('image', 'import', 'ord')).toEqual(['orders.csv']);
  });

  test.skipIf(!has('zsh'))('of zsh completes', () => {
    const stubbed = `compdef() { :; }; _describe() { print -l -- \${(P)2}; }; _files() { print FILES; }`;
    const ask = (...words: string[]) =>
      inShell(
        'zsh',
        `${stubbed}; source <(componentd completion zsh); words=(componentd ${words.join(' ')}); CURRENT=$#words; _componentd`,
      );
    expect(ask('stor')[0]).toMatch(/^storage:\w+/);
    expect(ask('image', 'import', 'ord')).toEqual(['FILES']);
  });

  test.skipIf(!has('fish'))('of fish completes', () => {
    const ask = (line: string) => inShell('fish', `componentd completion fish | source; complete -C '${line}'`);
    expect(ask('componentd sto')[0]).toBe('storage');
    expect(ask('componentd image import ord')).toEqual(['orders.csv']);
  });
});
