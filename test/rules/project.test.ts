import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { matches, root } from './sources.ts';

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

test('the floor is Node 24: promised, installed and running these tests', () => {
  expect(manifest.engines.node).toBe('>=24');
  expect(manifest.devDependencies.node).toMatch(/^24\./);
  expect(Number.parseInt(process.versions.node, 10)).toBeGreaterThanOrEqual(24);
});

test('every dependency has one exact version', () => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('the lock file holds the optional packages of every platform, without which npm ci refuses it', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
  };
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  const locked = Object.keys(packages);
  expect(wanted.filter((name) => !locked.some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
});

test('generated files are what the generator makes of their sources', () => {
  const check = () => execFileSync(process.execPath, ['scripts/generate.ts', '--check'], { cwd: root, stdio: 'pipe' });
  expect(check).not.toThrow();
});

test('no file names a package registry, a mirror or a path of one machine', () => {
  const hosts = [
    'registry.npmjs' + '.org',
    'deb.debian' + '.org',
    'snapshot.debian' + '.org',
    'security.debian' + '.org',
    'archive.ubuntu' + '.com',
  ];
  const paths = ['/wo' + 'rk/', '/fa' + 'rm/', '\\.\\./sha' + 'red', '/home/\\w+/'];
  const pattern = new RegExp([...hosts.map((host) => host.replaceAll('.', '\\.')), ...paths].join('|'));
  const texts = tracked.filter((path) => !/\.(tar|gz|parquet|png)$/.test(path));
  expect(texts.flatMap((path) => matches(path, readFileSync(join(root, path), 'utf8'), pattern))).toEqual([]);
});

test('what the machine makes is not under version control', () => {
  expect(tracked.filter((path) => /^(node_modules|dist|\.demo|\.test|\.cache)\//.test(path))).toEqual([]);
});
