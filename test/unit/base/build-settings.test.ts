import { expect, test } from 'vitest';
import { buildLimitsOf, problemsOfBuild } from '../../../src/base/build-settings.ts';

test('everything has a default', () => {
  expect(buildLimitsOf({ memory: '512m' })).toEqual({
    memoryBytes: 512 * 2 ** 20,
    diskBytes: 20 * 2 ** 30,
    pids: 1024,
    seconds: 3600,
    registries: ['docker.io', 'quay.io'],
  });
});

test('every mistake is told at its path', () => {
  expect(problemsOfBuild({ memory: '4g', disk: '64m', pids: 64, seconds: 1, registries: [] }, 'images.build')).toEqual(
    [],
  );
  const wrong = { memory: '1m', disk: 5, pids: 1.5, seconds: 0, registries: ['https://x/'], memroy: '1g' };
  const problems = problemsOfBuild(wrong, 'images.build');
  expect(problems.map(({ path }) => path)).toEqual(Object.keys(wrong).map((key) => `images.build.${key}`));
  expect(problems.at(-1)?.hint).toContain('did you mean memory?');
  expect(problemsOfBuild([], 'images.build')).toEqual([{ path: 'images.build', message: 'must be an object' }]);
});
