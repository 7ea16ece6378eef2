import { expect, it } from 'vitest';
import { formatProblem } from '../../../src/base/errors.ts';
import { defaultLimits, imageLimitsOf } from '../../../src/base/image-limits.ts';
import { problemsOfImages } from '../../../src/base/image-settings.ts';

it('reads sizes as they are written, and leaves the defaults for the rest', () => {
  expect(imageLimitsOf(undefined)).toEqual(defaultLimits);
  expect(imageLimitsOf({})).toEqual(defaultLimits);
  expect(
    imageLimitsOf({
      layerSize: '512m',
      imageSize: '2G',
      downloadSize: '1g',
      layerFiles: 5,
      imageFiles: 7,
      pullSeconds: 9,
    }),
  ).toEqual({
    layerSize: 512 * 2 ** 20,
    imageSize: 2 * 2 ** 30,
    downloadSize: 2 ** 30,
    layerFiles: 5,
    imageFiles: 7,
    pullSeconds: 9,
  });
  expect(imageLimitsOf({ layerFiles: 5 })).toEqual({ ...defaultLimits, layerFiles: 5 });
});

it('finds nothing wrong with any of them', () => {
  const limits = {
    layerSize: '1m',
    imageSize: '999g',
    downloadSize: '50G',
    layerFiles: 1,
    imageFiles: 4_000_000,
    pullSeconds: 1,
  };
  expect(problemsOfImages({ limits })).toEqual([]);
});

it.each([
  [{ limits: 7 }, 'images.limits'],
  [{ limits: null }, 'images.limits'],
  [{ limits: ['64g'] }, 'images.limits'],
  [{ limits: { layerSise: '1g' } }, 'did you mean layerSize'],
  [{ limits: { size: '1g' } }, 'downloadSize, layerSize, imageSize, layerFiles, imageFiles'],
  [{ limits: { layerSize: 64 } }, '"64g"'],
  [{ limits: { layerSize: '64' } }, 'images.limits.layerSize'],
  [{ limits: { layerSize: '0g' } }, 'above 0'],
  [{ limits: { layerSize: '-1g' } }, 'above 0'],
  [{ limits: { imageSize: '1.5g' } }, 'images.limits.imageSize'],
  [{ limits: { layerFiles: '5' } }, 'whole number'],
  [{ limits: { layerFiles: 0 } }, 'whole number'],
  [{ limits: { imageFiles: 1.5 } }, 'whole number'],
  [{ limits: { pullSeconds: 1e9 } }, 'from 1 to 604800'],
  [{ limits: { pullSeconds: '60' } }, 'from 1 to 604800'],
])('refuses %j', (settings, problem) => {
  expect(problemsOfImages(settings).map(formatProblem).join('\n')).toContain(problem);
});

it('tells everything that is wrong at once', () => {
  const limits = { layerSize: '', imageSize: 'x', downloadSize: null, layerFiles: -1, imageFiles: 'x', other: 1 };
  expect(problemsOfImages({ limits })).toHaveLength(6);
});
