import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ran, startCli } from '../support/cli.ts';

let directory: string;
let project: string;
let file: string;

async function run(args: readonly string[], { input = '', config = '' } = {}): Promise<Ran> {
  const env = { PATH: process.env.PATH, COMPONENTD_PROJECT: project, COMPONENTD_CONFIG: config || undefined };
  return startCli({ args, env, input }).done;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-mistakes-'));
  project = join(directory, 'project');
  file = join(directory, 'file');
  await writeFile(file, 'precious');
  for (const args of [['init'], ['storage', 'import', '--file', file]])
    expect(await run(args)).toMatchObject({ code: 0 });
  expect(await run(['storage', 'import', 'in.c-a.t', '-'], { input: 'a,b\n1,2\n' })).toMatchObject({ code: 0 });
  const definition = '{"id":"acme.x","data":{"definition":{"type":"dockerhub","uri":"acme/x","tag":"1"}}}';
  expect(await run(['component', 'add', '-'], { input: definition })).toMatchObject({ code: 0 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('a mistake with a path ends with the code of who must act, the path and a way out', async () => {
  const at = (path: string): string => join(directory, path);
  const job = '{"component":"acme.x","configData":{}}';
  const cases: readonly { code: number; path: string; args: readonly string[]; input?: string; config?: string }[] = [
    { code: 1, path: at('none'), args: ['storage', 'ls'], config: at('none') },
    { code: 3, path: directory, args: ['storage', 'ls'], config: directory },
    { code: 1, path: at('none/x'), args: ['storage', 'export', '--file', '1', '-o', at('none/x')] },
    { code: 1, path: at('file/x'), args: ['storage', 'export', '--file', '1', '-o', at('file/x')] },
    { code: 1, path: file, args: ['storage', 'export', '--file', '1', '-o', file] },
    { code: 1, path: at('none/x'), args: ['storage', 'export', 'in.c-a.t', '-o', at('none/x')] },
    { code: 3, path: at('x'.repeat(300)), args: ['storage', 'export', 'in.c-a.t', '-o', at('x'.repeat(300))] },
    { code: 1, path: at('none'), args: ['--project', at('none'), 'storage', 'ls'] },
    { code: 1, path: at('file/x'), args: ['--project', at('file/x'), 'storage', 'ls'] },
    { code: 3, path: file, args: ['--project', file, 'init'] },
    { code: 3, path: at('file/x'), args: ['--project', at('file/x'), 'init'] },
    { code: 3, path: file, args: ['--state-dir', file, 'plan', '-'], input: job },
    { code: 3, path: at('file/x'), args: ['--state-dir', at('file/x'), 'plan', '-'], input: job },
  ];
  for (const { code, path, args, ...options } of cases) {
    const ran = await run(args, options);
    expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({ args, code, stderr: expect.stringContaining(path) });
    const [first, hint, ...more] = ran.stderr.trimEnd().split('\n');
    expect([first, hint, more]).toEqual([
      expect.stringMatching(/^componentd: /),
      expect.stringMatching(/^ {2}[A-Z].*\.$/),
      [],
    ]);
  }
});

test('what nobody catches ends in one line with code 2 and a hint to report it, never in a stack trace', async () => {
  for (const thrower of ['Promise.reject(new TypeError("odd"))', '(()=>{throw new TypeError("odd")})()']) {
    const preload = `data:text/javascript,setTimeout(()=>${encodeURIComponent(thrower)},500)`;
    const main = join(import.meta.dirname, '../../src/main.ts');
    const child = spawn(process.execPath, ['--import', preload, main, 'component', 'add', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { COMPONENTD_PROJECT: project },
    });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code, stderr).toBe(2);
    expect(stderr.split('\n')).toEqual(['componentd: odd', expect.stringContaining('report'), '']);
  }
});
