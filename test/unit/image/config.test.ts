import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { chainIds } from '../../../src/image/chain.ts';
import { parseConfig, splitUser } from '../../../src/image/config.ts';

const digest = `sha256:${'2'.repeat(64)}`;
const parse = (config: unknown, rest: object = {}) =>
  parseConfig(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: [digest] },
        config,
        ...rest,
      }),
    ),
    'the image x',
  );

describe('parseConfig', () => {
  it('reads what has effect and nothing else', () => {
    const config = {
      Entrypoint: ['/bin/sh'],
      Cmd: ['-c', 'x'],
      Env: ['A=b=c', 'E='],
      WorkingDir: '/code/',
      User: 'app:app',
      StopSignal: 'SIGRTMIN+3',
      Volumes: { '/../../etc': {} },
      Labels: { 'containerd.io/restart.loguri': 'binary:///bin/sh' },
      Healthcheck: { Test: ['x'] },
    };
    expect(parse(config)).toEqual({
      config: {
        entrypoint: ['/bin/sh'],
        cmd: ['-c', 'x'],
        env: ['A=b=c', 'E='],
        workingDir: '/code/',
        user: 'app:app',
        stopSignal: 'SIGRTMIN+3',
      },
      platform: { os: 'linux', architecture: 'amd64', variant: '' },
      diffIds: [digest],
    });
  });

  it.each([undefined, null, {}, { Entrypoint: null, Cmd: null, Env: null, WorkingDir: '', User: '', StopSignal: '' }])(
    'fills in defaults for %j',
    (config) => {
      expect(parse(config).config).toEqual({
        entrypoint: [],
        cmd: [],
        env: [],
        workingDir: '/',
        user: '',
        stopSignal: 'SIGTERM',
      });
    },
  );

  it.each([
    ['TERM', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['9', '9'],
    ['64', '64'],
  ])('reads the stop signal %s as %s', (text, signal) => {
    expect(parse({ StopSignal: text }).config.stopSignal).toBe(signal);
  });

  it.each([
    ['WorkingDir', 'app'],
    ['WorkingDir', '/a/../../etc'],
    ['WorkingDir', '/proc/self/fd/7'],
    ['WorkingDir', '//proc'],
    ['WorkingDir', '/./sys/kernel'],
    ['WorkingDir', '/dev'],
    ['WorkingDir', '/a\0b'],
    ['Env', ['NOVALUE']],
    ['Env', ['=x']],
    ['Env', ['A=\0']],
    ['Env', Array.from({ length: 1001 }, (_, index) => `A${index}=`)],
    ['Env', [`A=${'x'.repeat(128 * 1024)}`]],
    ['Cmd', ['a\0']],
    ['Entrypoint', ['\0']],
    ['StopSignal', 'SIGNOPE'],
    ['StopSignal', '0'],
    ['StopSignal', '65'],
    ['StopSignal', 'SIGRTMIN+31'],
    ['StopSignal', '__proto__'],
    ['User', '4294967296'],
    ['User', '2147483648'],
    ['User', '-1'],
    ['User', '1000:99999999999'],
    ['User', 'a:b:c'],
    ['User', 'a b'],
    ['User', ':0'],
    ['User', '../x'],
  ])('refuses %s %j', (key, value) => {
    expect(() => parse({ [key]: value })).toThrow(UserError);
    expect(() => parse({ [key]: value })).toThrow(/config\./i);
  });

  it('refuses a command or a path that Linux would not take', () => {
    expect(() => parse({ Cmd: Array(1_100_000).fill('') })).toThrow('config.Cmd');
    expect(() => parse({ Entrypoint: ['x'.repeat(600_000)], Cmd: ['x'.repeat(600_000)] })).toThrow('1200002 bytes');
    expect(() => parse({ WorkingDir: `/${'a'.repeat(4095)}` })).toThrow('config.WorkingDir');
    expect(parse({ Cmd: ['x'.repeat(100_000)], WorkingDir: `/${'a'.repeat(4000)}` }).config.cmd).toHaveLength(1);
  });

  it('reports every problem at once', () => {
    try {
      parse({ WorkingDir: 'x', User: '-1', StopSignal: 'x' });
      expect.unreachable();
    } catch (error) {
      expect((error as UserError).problems.map(({ path }) => path)).toEqual([
        'config.WorkingDir',
        'config.User',
        'config.StopSignal',
      ]);
    }
  });

  it.each([
    [{ Cmd: 'sh' }, {}],
    [{ Env: [1] }, {}],
    [{ User: 7 }, {}],
    [{}, { rootfs: undefined }],
    [{}, { rootfs: { type: 'x', diff_ids: [] } }],
    [{}, { rootfs: { type: 'layers', diff_ids: ['sha256:1'] } }],
    [{}, { rootfs: { type: 'layers', diff_ids: Array(128).fill(digest) } }],
  ])('refuses a document of the wrong shape: %j %j', (config, rest) => {
    expect(() => parse(config, rest)).toThrow(UserError);
  });
});

describe('splitUser', () => {
  it.each([
    ['', { user: 0 }],
    ['0', { user: 0 }],
    ['2147483647:2147483647', { user: 2147483647, group: 2147483647 }],
    ['www-data', { user: 'www-data' }],
    ['app:100', { user: 'app', group: 100 }],
    ['100:app', { user: 100, group: 'app' }],
    ['007', { user: 7 }],
    ['1a', { user: '1a' }],
  ])('takes %j apart', (text, expected) => {
    expect(splitUser(text)).toEqual(expected);
  });

  it('never lets an id out of range through', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt().map(String), fc.string(), fc.stringMatching(/^[0-9a-z:.-]{1,14}$/)), (text) => {
        const split = splitUser(text);
        for (const id of [split?.user, split?.group]) {
          if (typeof id === 'number') expect(id >= 0 && id < 2 ** 31).toBe(true);
          else if (id !== undefined) expect(id).toMatch(/[^0-9]/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

it('chains layers as the specification says', () => {
  expect(chainIds([])).toEqual([]);
  // printf 'sha256:22… sha256:22…' | sha256sum
  expect(chainIds([digest, digest])).toEqual([
    digest,
    'sha256:f5984fcbe7ec4ee8bbc9b064df2a3666e145d454e6add242b3bc90bb1ce52c05',
  ]);
});
