import { describe, expect, test } from 'vitest';
import { type Import, parse, sourcesBelow } from './sources.ts';

interface Allowed {
  /** Folders (or files) of src whose values may be imported. */
  readonly values: readonly string[];
  /** And those of which only types may be. */
  readonly types?: readonly string[];
}

const everything: Allowed = {
  values: [
    'cli',
    'config.ts',
    'base',
    'gen',
    'containerd',
    'image',
    'runtime',
    'job',
    'storage',
    'queue',
    'sinks',
    'server',
    'daemon',
  ],
};

/** The layer table of ARCHITECTURE.md. A folder may always import itself. */
const layers: Readonly<Record<string, Allowed>> = {
  base: { values: [] },
  gen: { values: [] },
  'config.ts': { values: ['base', 'gen'] },
  containerd: { values: ['base', 'gen'] },
  image: { values: ['base', 'containerd', 'gen'] },
  runtime: { values: ['base', 'containerd', 'image', 'gen'] },
  job: { values: ['base', 'gen'], types: ['runtime', 'image'] },
  storage: { values: ['base', 'gen'], types: ['job'] },
  queue: { values: ['base', 'gen'], types: ['job', 'daemon'] },
  sinks: { values: ['base', 'gen'], types: ['job'] },
  daemon: { values: ['base', 'gen', 'job', 'containerd'], types: ['image', 'runtime', 'queue', 'storage'] },
  server: { values: ['base', 'gen', 'storage'], types: ['job', 'daemon'] },
  cli: everything,
  'main.ts': { values: ['cli', 'base'] },
};

const sources = sourcesBelow('src');

describe('the layers', () => {
  test('every file of src belongs to a layer', () => {
    expect(sources.map(({ path }) => path).filter((path) => layers[layerOf(path)] === undefined)).toEqual([]);
  });

  test.each(Object.keys(layers))('%s imports only what it may', (layer) => {
    const own = sources.filter(({ path }) => layerOf(path) === layer);
    expect(own.flatMap(({ imports }) => imports.filter(forbidden).map(describeImport))).toEqual([]);
  });

  test('no file of src imports a script or a test', () => {
    const strays = sources.flatMap(({ imports }) => imports.filter(({ ours, to }) => ours && !to.startsWith('src/')));
    expect(strays.map(describeImport)).toEqual([]);
  });

  test('imports name the file, with its extension', () => {
    const vague = sources.flatMap(({ imports }) =>
      imports.filter(({ ours, to }) => ours && !/\.(ts|js|json)$/.test(to)),
    );
    expect(vague.map(describeImport)).toEqual([]);
  });

  test('no cycles, type imports counted', () => {
    expect(cycles(new Map(sources.map(({ path, imports }) => [path, imports.filter(({ ours }) => ours)])))).toEqual([]);
  });

  test('a forbidden import is seen in each of its forms', () => {
    const text = [
      `import { a } from '../cli/a.ts';`,
      `import type { B } from '../runtime/b.ts';`,
      `import { type C } from '../runtime/c.ts';`,
      `import { d, type D } from '../runtime/d.ts';`,
      `export { e } from '../image/e.ts';`,
      `const f = await import('../storage/f.ts');`,
      `type G = import('../storage/g.ts').G;`,
    ].join('\n');
    const seen = parse('src/job/x.ts', text).imports.filter(forbidden);
    expect(seen.map(({ line }) => line)).toEqual([1, 4, 5, 6, 7]);
  });

  test('a cycle is seen, and named from file to file', () => {
    const edge = (from: string, to: string): Import => ({ from, to, line: 1, ours: true, typeOnly: true });
    const graph = new Map([
      ['a', [edge('a', 'b')]],
      ['b', [edge('b', 'c')]],
      ['c', [edge('c', 'b')]],
    ]);
    expect(cycles(graph)).toEqual(['b -> c -> b']);
  });
});

function layerOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function forbidden({ from, to, ours, typeOnly }: Import): boolean {
  if (!ours || !to.startsWith('src/')) return false;
  const [own, other] = [layerOf(from), layerOf(to)];
  const allowed = layers[own];
  if (own === other || allowed === undefined) return false;
  return !allowed.values.includes(other) && !(typeOnly && allowed.types?.includes(other) === true);
}

function describeImport({ from, line, to, typeOnly }: Import): string {
  return `${from}:${line} imports ${typeOnly ? 'a type of ' : ''}${to}`;
}

function cycles(graph: ReadonlyMap<string, readonly Import[]>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) found.push([...trail.slice(seen), path].join(' -> '));
    if (seen >= 0 || done.has(path)) return;
    for (const { to } of graph.get(path) ?? []) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}
