import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from './sources.ts';

type Sources = typeof import('../../bin/sources.cjs');
const { bundleIsCurrent, sourceList } = createRequire(import.meta.url)('../../bin/sources.cjs') as Sources;

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'launcher-'));
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('bin/componentd', () => {
  // The first argument is node's own.
  const shell = '#!/bin/sh\nshift\nfor a in "$@"; do printf "[%s]" "$a"; done\n';

  beforeEach(() => {
    cpSync(join(root, 'bin'), join(place, 'home', 'bin'), { recursive: true });
    write('home/runtime/bin/node', shell, 0o755);
  });

  test('hands every argument on, whatever is in it', () => {
    const args = ['run', 'a b', '', '*', "it's", 'x\ny'];
    const shown = execFileSync(join(place, 'home/bin/componentd'), args, { encoding: 'utf8' });
    expect(shown).toBe([entry(shown), ...args.map((arg) => `[${arg}]`)].join(''));
  });

  test('works through absolute and relative links, from any directory', () => {
    mkdirSync(join(place, 'links/deep'), { recursive: true });
    symlinkSync(join(place, 'home/bin/componentd'), join(place, 'links/absolute'));
    symlinkSync('../absolute', join(place, 'links/deep/again'));
    symlinkSync('../../home/bin', join(place, 'links/deep/folder'));
    for (const path of ['links/absolute', 'links/deep/again', 'links/deep/folder/componentd']) {
      for (const cwd of ['/', place, join(place, 'home/bin')]) {
        const shown = execFileSync(join(place, path), ['x'], { cwd, encoding: 'utf8' });
        expect(statSync(entry(shown).slice(1, -1)).isFile()).toBe(true);
      }
    }
  });

  test('works by a name without a slash', () => {
    const shown = execFileSync('sh', ['componentd', 'x'], { cwd: join(place, 'home/bin'), encoding: 'utf8' });
    expect(shown).toBe('[../bin/componentd.cjs][x]');
  });

  test('takes the runtime beside it, then the one among the packages, then the one in PATH', () => {
    const bare = join(place, 'home/runtime');
    write('home/node_modules/node/bin/node', '#!/bin/sh\necho package\n', 0o755);
    write('path/node', '#!/bin/sh\necho path\n', 0o755);
    const run = () =>
      execFileSync(join(place, 'home/bin/componentd'), { env: { PATH: join(place, 'path') }, encoding: 'utf8' }).trim();
    expect(run()).toContain('componentd.cjs');
    rmSync(bare, { recursive: true });
    expect(run()).toBe('package');
    rmSync(join(place, 'home/node_modules'), { recursive: true });
    expect(run()).toBe('path');
  });

  test('says what to do when there is no Node', () => {
    rmSync(join(place, 'home/runtime'), { recursive: true });
    const { status, stderr } = spawnSync(join(place, 'home/bin/componentd'), {
      env: { PATH: '/nowhere' },
      encoding: 'utf8',
    });
    expect(status).toBe(69);
    expect(stderr).toContain('Node 24');
  });

  function entry(shown: string): string {
    return /^\[[^\]]*\/bin\/componentd\.cjs\]/.exec(shown)?.[0] ?? `nothing: ${shown}`;
  }
});

describe('the machine code kept of the bundle', () => {
  const bundle = (word: string) => `const say = (what) => console.log(what, process.argv[2]); say('${word}');`;
  const run = (argument: string) =>
    execFileSync(process.execPath, [join(place, 'bin/componentd.cjs'), argument], { encoding: 'utf8' }).trim();
  const caches = () => readdirSync(join(place, '.cache/code')).sort();

  beforeEach(() => {
    cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true });
    write('dist/sources.txt', '');
    write('dist/main.cjs', bundle('one'));
  });

  test('is made by the first process of a kind and changes nothing', () => {
    for (const argument of ['run', 'run', 'ls', 'ls']) expect(run(argument)).toBe(`one ${argument}`);
    expect(caches()).toEqual([expect.stringMatching(/-job$/), expect.stringMatching(/-other$/)]);
  });

  test('is not taken for a bundle of the same size', () => {
    run('run');
    write('dist/main.cjs', bundle('two'));
    expect(run('run')).toBe('two run');
  });

  test.each<[string, (whole: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['torn', (whole) => whole.subarray(0, -9)],
    ['changed', (whole) => Buffer.concat([whole.subarray(0, -1), Buffer.of((whole.at(-1) ?? 0) ^ 1)])],
    ['of something else', () => Buffer.from('not machine code')],
  ])('is made anew when it is %s', (_, spoil) => {
    run('run');
    const path = join(place, '.cache/code', caches()[0] ?? '');
    const whole = readFileSync(path);
    writeFileSync(path, spoil(whole));
    expect(run('run')).toBe('one run');
    expect(readFileSync(path).length).toBe(whole.length);
    expect(run('run')).toBe('one run');
  });

  test('is not kept where nobody may write', () => {
    write('.cache', 'a file');
    expect(run('run')).toBe('one run');
  });
});

describe('the bundle is run only if it was made from what lies here', () => {
  beforeEach(() => {
    for (const path of ['package-lock.json', 'scripts/build.ts', 'src/main.ts', 'src/base/a.ts']) write(path, path);
    write('dist/sources.txt', sourceList(place));
  });

  test('it is current right after it was built', () => {
    expect(bundleIsCurrent(place)).toBe(true);
  });

  test.each<[string, () => void]>([
    ['an edit', () => write('src/main.ts', 'other')],
    ['an edit of the same size at another time', () => utimesSync(join(place, 'src/base/a.ts'), 1, 1)],
    ['a new file', () => write('src/base/b.ts', '')],
    ['a file that went', () => rmSync(join(place, 'src/base/a.ts'))],
    ['a file with another name', () => renameSync(join(place, 'src/base/a.ts'), join(place, 'src/base/c.ts'))],
    ['other packages', () => write('package-lock.json', '{}')],
    ['an interrupted build', () => rmSync(join(place, 'dist/sources.txt'))],
  ])('%s makes it stale', (_, change) => {
    change();
    expect(bundleIsCurrent(place)).toBe(false);
  });

  test('without sources the bundle is all there is', () => {
    rmSync(join(place, 'src'), { recursive: true });
    expect(bundleIsCurrent(place)).toBe(true);
  });
});

test('sources and bundle answer alike', () => {
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true });
  for (const path of ['src', 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(join(root, path), join(place, path), { recursive: true });
  cpSync(join(root, 'scripts/build.ts'), join(place, 'scripts/build.ts'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  const ask = () => execFileSync(join(place, 'bin/componentd'), ['--version'], { encoding: 'utf8' }).trim();
  expect(ask()).toBe(version);
  execFileSync(process.execPath, [join(place, 'scripts/build.ts')], { stdio: 'pipe' });
  expect(bundleIsCurrent(place)).toBe(true);
  expect(ask()).toBe(version);
  // Node would warn of one, in the middle of what a verb prints.
  expect(readFileSync(join(place, 'dist/main.cjs'), 'utf8')).not.toContain('import("');
});

function write(path: string, text: string, mode = 0o644): void {
  const absolute = join(place, path);
  mkdirSync(join(absolute, '..'), { recursive: true });
  writeFileSync(absolute, text);
  chmodSync(absolute, mode);
}
