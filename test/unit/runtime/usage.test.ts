import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { anyOf } from '../../../src/containerd/any.ts';
import { lowestOf, parseHardLimits } from '../../../src/runtime/rlimits.ts';
import { usageOf, usageOfFiles } from '../../../src/runtime/usage.ts';

describe('usage from metrics', () => {
  it('reads cgroup v1', () => {
    const payload = anyOf('io.containerd.cgroups.v1.Metrics', {
      cpu: { usage: { total: 1_500_000_000 }, throttling: { throttledTime: 250_000_000 } },
      memory: { usage: { max: 4096, usage: 1024 } },
      blkio: {
        ioServiceBytesRecursive: [
          { op: 'Read', major: 8, value: 10 },
          { op: 'read', major: 9, value: 5 },
          { op: 'Write', major: 8, value: 3 },
          { op: 'Sync', major: 8, value: 13 },
          { op: 'Total', major: 8, value: 18 },
        ],
      },
      memoryOomControl: { oomKill: 2 },
    });
    expect(usageOf(payload)).toEqual({
      oomKills: 2,
      cpuSeconds: 1.5,
      throttledSeconds: 0.25,
      peakMemoryBytes: 4096,
      readBytes: 15,
      writtenBytes: 3,
    });
  });

  it('reads cgroup v2', () => {
    const payload = anyOf('io.containerd.cgroups.v2.Metrics', {
      cpu: { usageUsec: 250_000, throttledUsec: 5_000 },
      memory: { maxUsage: 8192, usage: 1 },
      io: {
        usage: [
          { major: 8, rbytes: 1, wbytes: 2 },
          { major: 9, rbytes: 10 },
        ],
      },
      memoryEvents: { oomKill: 1, oom: 5 },
    });
    expect(usageOf(payload)).toEqual({
      oomKills: 1,
      cpuSeconds: 0.25,
      throttledSeconds: 0.005,
      peakMemoryBytes: 8192,
      readBytes: 11,
      writtenBytes: 2,
    });
  });

  it('leaves out transfers that nobody counted', () => {
    for (const ioServiceBytesRecursive of [[], [{ op: 'Total', value: 0 }]]) {
      const payload = anyOf('io.containerd.cgroups.v1.Metrics', { blkio: { ioServiceBytesRecursive } });
      expect(usageOf(payload)).toEqual({ oomKills: 0 });
    }
  });

  it('leaves out a peak that nobody counted', () => {
    const payload = anyOf('io.containerd.cgroups.v2.Metrics', { cpu: { usageUsec: 0 }, memory: { usage: 77 } });
    expect(usageOf(payload)).toEqual({ oomKills: 0, cpuSeconds: 0, throttledSeconds: 0 });
  });

  it.each([
    ['nothing', null],
    ['a payload of another kind', { typeUrl: 'something.Else', value: new Uint8Array() }],
  ])('makes no kills of %s', (_, payload) => {
    expect(usageOf(payload)).toEqual({ oomKills: 0 });
  });
});

describe('usage from the files of a cgroup', () => {
  const written = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'componentd-usage-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
    return directory;
  };

  it('reads peaks and how often the limit of processes was met', async () => {
    const cgroup = await written({ 'memory.peak': '4096\n', 'pids.peak': '7\n', 'pids.events': 'max 3\n' });
    expect(await usageOfFiles(cgroup)).toEqual({ peakMemoryBytes: 4096, peakPids: 7, pidsLimitHits: 3 });
  });

  it('leaves out what is not there, or is no number', async () => {
    expect(await usageOfFiles(await written({}))).toEqual({});
    expect(await usageOfFiles(await written({ 'memory.peak': 'max\n', 'pids.events': '' }))).toEqual({});
  });
});

describe('hard limits', () => {
  const text = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max file size             unlimited            unlimited            bytes     ',
    'Max core file size        0                    1024                 bytes     ',
    'Max open files            1024                 20000                files     ',
  ].join('\n');

  it('are read from the text of the kernel, without the unlimited ones', () => {
    expect(parseHardLimits(`${text}\n`)).toEqual({ core: 1024, nofile: 20_000 });
    expect(parseHardLimits('')).toEqual({});
  });

  it('of two processes are the lower ones', () => {
    expect(lowestOf({ nofile: 5, core: 1 }, { nofile: 4, stack: 9 })).toEqual({ core: 1, nofile: 4, stack: 9 });
  });
});
