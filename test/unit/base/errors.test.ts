import { lstat, mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classify, exitCodeOf, UserError } from '../../../src/base/errors.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-errors-'));
  await writeFile(join(directory, 'file'), '');
  await symlink('loop', join(directory, 'loop'));
});
afterAll(() => rm(directory, { recursive: true }));

async function thrownBy(work: Promise<unknown>): Promise<NodeJS.ErrnoException> {
  return work.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: NodeJS.ErrnoException) => error,
  );
}

describe('an error of the system', () => {
  const cases: readonly [string, string, (path: string) => Promise<unknown>][] = [
    ['ENOTDIR', 'file/below', (path) => readdir(path)],
    ['ELOOP', 'loop', (path) => open(path)],
    ['ENAMETOOLONG', 'x'.repeat(300), (path) => lstat(path)],
    ['EISDIR', '.', (path) => open(path, 'w')],
    ['EEXIST', 'file', (path) => mkdir(path, { recursive: true })],
  ];
  test.each(cases)("with %s is the operator's, names the path and a way out", async (code, name, work) => {
    const path = join(directory, name);
    const error = await thrownBy(work(path));
    expect(error.code).toBe(code);
    const { class: kind, message, hint } = classify(error);
    expect(kind).toBe('infrastructure');
    expect(message.split(path)).toHaveLength(2);
    expect(hint).toBeDefined();
    expect(exitCodeOf(error)).toBe(3);
  });

  test.each(['EACCES', 'EPERM', 'EROFS'])(
    "with %s is the operator's, and gets its path when the text lacks it",
    (code) => {
      const error = Object.assign(new Error('no'), { code, path: '/some/where' });
      expect(classify(error)).toMatchObject({ class: 'infrastructure', message: 'no at /some/where' });
    },
  );

  test('without a path, with another code, or that only looks like one in its text, is ours, to be reported', () => {
    const errors = [
      Object.assign(new Error('no'), { code: 'EPERM' }),
      Object.assign(new Error('no'), { code: 'ENOENT', path: '/x' }),
      Object.assign(new Error('no'), { code: 'EEXIST', path: '/x', syscall: 'link' }),
      Object.assign(new Error('no'), { code: 'toString', path: '/x' }),
      new TypeError('EACCES: permission denied'),
      'EACCES',
      undefined,
    ];
    for (const error of errors) {
      expect(classify(error)).toMatchObject({ class: 'application', hint: expect.stringContaining('report') });
      expect(exitCodeOf(error)).toBe(2);
    }
  });
});

test('what is classified stays what it is', () => {
  const error = new UserError('x');
  expect(classify(error)).toBe(error);
});
