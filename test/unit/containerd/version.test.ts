import { describe, expect, test } from 'vitest';
import { parseVersion, supported } from '../../../src/containerd/version.ts';

describe('only the leading three numbers count', () => {
  test.each([
    ['1.6.20~ds1', 1, 6, 20],
    ['2.1.9+unknown', 2, 1, 9],
    ['v1.7.24', 1, 7, 24],
    ['1.7.0-rc.1', 1, 7, 0],
    ['10.11.12', 10, 11, 12],
  ])('%s', (text, major, minor, patch) => {
    expect(parseVersion(text)).toMatchObject({ major, minor, patch, text });
  });
});

test('each line has what came with it', () => {
  const features = (text: string) => parseVersion(text).features;
  expect(features('1.6.20')).toEqual({
    hasSandboxStore: false,
    forgetsExitsWhileDown: false,
    tellsSandboxIsGone: false,
    tellsPid: false,
  });
  expect(features('1.7.24')).toEqual({
    hasSandboxStore: true,
    forgetsExitsWhileDown: true,
    tellsSandboxIsGone: false,
    tellsPid: true,
  });
  expect(features('2.0.0')).toEqual({
    hasSandboxStore: true,
    forgetsExitsWhileDown: true,
    tellsSandboxIsGone: true,
    tellsPid: true,
  });
  expect(features('3.0.0')).toEqual(features('2.0.0'));
});

test('a version that cannot be read is taken for the oldest line', () => {
  expect(parseVersion('unknown')).toMatchObject({ major: 1, minor: 6, patch: 0, text: 'unknown' });
  expect(parseVersion('unknown').features).toEqual(parseVersion('1.6.0').features);
});

test.each(['0.9.1', '1.5.18~ds1', 'v1.0.0'])('containerd %s is refused with the way out', (text) => {
  expect(() => supported(text, '/run/c.sock')).toThrow(`containerd ${text} at /run/c.sock is too old`);
});
