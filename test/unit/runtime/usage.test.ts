import { describe, expect, it } from 'vitest';
import { anyOf } from '../../../src/containerd/any.ts';
import { hardLimitOfOpenFiles } from '../../../src/runtime/engine.ts';
import { usageOf } from '../../../src/runtime/usage.ts';

describe('usage from metrics', () => {
  it('reads cgroup v1', () => {
    const payload = anyOf('io.containerd.cgroups.v1.Metrics', {
      cpu: { usage: { total: 1_500_000_000 } },
      memory: { usage: { max: 4096, usage: 1024 } },
      memoryOomControl: { oomKill: 2 },
    });
    expect(usageOf(payload)).toEqual({ oomKills: 2, cpuSeconds: 1.5, peakMemoryBytes: 4096 });
  });

  it('reads cgroup v2', () => {
    const payload = anyOf('io.containerd.cgroups.v2.Metrics', {
      cpu: { usageUsec: 250_000 },
      memory: { maxUsage: 8192, usage: 1 },
      memoryEvents: { oomKill: 1, oom: 5 },
    });
    expect(usageOf(payload)).toEqual({ oomKills: 1, cpuSeconds: 0.25, peakMemoryBytes: 8192 });
  });

  it('leaves out a peak that nobody counted', () => {
    const payload = anyOf('io.containerd.cgroups.v2.Metrics', { cpu: { usageUsec: 0 }, memory: { usage: 77 } });
    expect(usageOf(payload)).toEqual({ oomKills: 0, cpuSeconds: 0 });
  });

  it.each([
    ['nothing', null],
    ['a payload of another kind', { typeUrl: 'something.Else', value: new Uint8Array() }],
  ])('makes no kills of %s', (_, payload) => {
    expect(usageOf(payload)).toEqual({ oomKills: 0 });
  });
});

describe('the hard limit of open files', () => {
  it.each([
    ['Max open files            1024                 20000                files     ', 20_000],
    ['Max open files            1024                 unlimited            files     ', Number.POSITIVE_INFINITY],
    ['', Number.POSITIVE_INFINITY],
  ])('is read from %j', (line, limit) => {
    expect(hardLimitOfOpenFiles(`Limit  Soft Limit  Hard Limit  Units\n${line}\n`)).toBe(limit);
  });
});
