import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { filesBelow, lineOf, matches, parse, root, type Source, sourcesBelow } from './sources.ts';

const sources = sourcesBelow('src').filter(({ path }) => !path.startsWith('src/gen/'));
const scripts = [...sourcesBelow('scripts'), ...sourcesBelow('test')];

describe('the sources', () => {
  test('a file has at most 300 lines', () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > 300)).toEqual([]);
  });

  test('the runtime never says job, row or component', () => {
    const runtime = sources.filter(({ path }) => path.startsWith('src/runtime/'));
    expect(runtime.flatMap(({ path, text }) => matches(path, text, /\b(jobs?|rows?|components?)\b/i))).toEqual([]);
  });

  test('the environment is read only in src/config.ts', () => {
    expect(uses('process.env', ['src/config.ts'])).toEqual([]);
  });

  test('only src/main.ts ends the process, sets its exit code or listens to signals', () => {
    for (const member of ['process.exit', 'process.exitCode', 'process.abort', 'process.reallyExit']) {
      expect(uses(member, ['src/main.ts'])).toEqual([]);
    }
    const listeners = sources
      .filter(({ path }) => path !== 'src/main.ts')
      .flatMap((source) => matches(source.path, source.text, /\bprocess\.(on|once|addListener)\(\s*['"`]SIG/));
    expect(listeners).toEqual([]);
  });

  test('only sinks and cli write to the console', () => {
    const silent = sources.filter(({ path }) => !/^src\/(sinks|cli)\//.test(path));
    expect(silent.flatMap((source) => members(source, (text) => text.startsWith('console.')))).toEqual([]);
  });

  test('the command line gets at a project by the rights of its token only, but to clean up', () => {
    const verbs = sources.filter(({ path }) => path.startsWith('src/cli/') && !/\/(project|sweep)\.ts$/.test(path));
    const around = /\.parts\b|[{,]\s*parts\b|local\/catalogue\.ts/;
    expect(verbs.flatMap(({ path, text }) => matches(path, text, around))).toEqual([]);
  });

  test('no default exports and no barrels', () => {
    expect(sources.flatMap(exportsOfOthers)).toEqual([]);
  });

  test('no file or folder is called by a name that says nothing', () => {
    const vague = /(^|\/)(utils?|common|helpers?|misc|shared|index)(\.|\/|$)/;
    expect(sources.map(({ path }) => path).filter((path) => vague.test(path))).toEqual([]);
  });

  test('nothing at the top of a module can be assigned again', () => {
    expect(sources.flatMap(mutableState)).toEqual([]);
  });

  test('no shell runs a string', () => {
    const all = [...sources, ...scripts.filter(({ path }) => path.startsWith('scripts/'))];
    expect(
      all.flatMap(({ path, text }) =>
        matches(path, text, /\bshell: true\b|\bexec(Sync)?\b[^;]* from 'node:child_process'/),
      ),
    ).toEqual([]);
  });

  test('nothing is left for later', () => {
    const words = new RegExp(
      `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'st' + 'ubs?', 'not imple' + 'mented'].join('|')})\\b`,
      'i',
    );
    const files = ['src', 'bin', 'scripts'].flatMap(filesBelow);
    expect(files.flatMap((path) => matches(path, readFileSync(join(root, path), 'utf8'), words))).toEqual([]);
  });

  test('no test is left out for good or runs alone', () => {
    const alone = /\b(it|test|describe)\.(only|todo|skip)\b/;
    const tests = scripts.filter(({ path }) => path.startsWith('test/') && !path.startsWith('test/rules/'));
    expect(tests.flatMap(({ path, text }) => matches(path, text, alone))).toEqual([]);
  });

  test('each of these rules sees what it forbids', () => {
    const bad = parse(
      'src/job/bad.ts',
      'let a = 1;\nexport default a;\nexport * from "./b.ts";\nconsole.log(process.env.HOME);\n',
    );
    expect(mutableState(bad)).toHaveLength(1);
    expect(exportsOfOthers(bad)).toHaveLength(2);
    expect(members(bad, (text) => text.startsWith('console.'))).toHaveLength(1);
    expect(members(bad, (text) => text === 'process.env')).toHaveLength(1);
  });
});

function uses(member: string, except: readonly string[]): readonly string[] {
  return sources
    .filter(({ path }) => !except.includes(path))
    .flatMap((source) => members(source, (text) => text === member));
}

function members({ path, tree }: Source, wanted: (text: string) => boolean): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && wanted(node.getText(tree)))
      found.push(`${path}:${lineOf(tree, node)}: ${node.getText(tree)}`);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function exportsOfOthers({ path, tree }: Source): readonly string[] {
  return tree.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    const isDefault =
      ts.isExportAssignment(statement) || modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
    const isBarrel = ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined;
    return isDefault || isBarrel ? [`${path}:${lineOf(tree, statement)}: ${statement.getText(tree).slice(0, 80)}`] : [];
  });
}

function mutableState({ path, tree }: Source): readonly string[] {
  return tree.statements.flatMap((statement) =>
    ts.isVariableStatement(statement) &&
    (statement.declarationList.flags & ts.NodeFlags.BlockScoped) !== ts.NodeFlags.Const
      ? [`${path}:${lineOf(tree, statement)}: ${statement.getText(tree)}`]
      : [],
  );
}
