import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holds, messageOfAny } from '../containerd/any.ts';
import type { Containerd, ResponseOf } from '../containerd/client.ts';
import type { Cgroups } from './cgroups.ts';
import { countsTransfers } from './io-accounting.ts';
import type { Usage } from './types.ts';

type Payload = ResponseOf<'Tasks.Metrics'>['metrics'][number]['data'];

const v1 = 'io.containerd.cgroups.v1.Metrics';
const v2 = 'io.containerd.cgroups.v2.Metrics';

/** Counters of a task that is not deleted yet, running or not; zero kills and nothing else when its cgroup is gone. @throws ContainerdError */
export async function taskUsage(
  client: Containerd,
  id: string,
  { cgroups, cgroup }: { readonly cgroups: Cgroups; readonly cgroup: string | undefined },
): Promise<Usage> {
  const [{ metrics }, fromFiles, isCounted] = await Promise.all([
    client.call('Tasks.Metrics', { filters: [`id==${id}`] }),
    cgroup === undefined ? {} : usageOfFiles(join(cgroups.processRoot, cgroup)),
    cgroup !== undefined && countsTransfers(cgroups, cgroup),
  ]);
  const nothingMoved = isCounted ? { readBytes: 0, writtenBytes: 0 } : {};
  return { ...nothingMoved, ...fromFiles, ...usageOf(metrics.find((metric) => metric.id === id)?.data ?? null) };
}

/** The counters in a metrics payload of either cgroup version. */
export function usageOf(payload: Payload): Usage {
  if (holds(payload, v1)) {
    const { memory, memoryOomControl, cpu, blkio } = messageOfAny(payload, v1);
    const moved = (wanted: string) =>
      sum(blkio?.ioServiceBytesRecursive.filter(({ op }) => op.toLowerCase() === wanted).map(({ value }) => value));
    return {
      oomKills: memoryOomControl?.oomKill ?? 0,
      ...counted('peakMemoryBytes', memory?.usage?.max),
      ...(cpu?.usage && { cpuSeconds: cpu.usage.total / 1e9 }),
      ...(cpu?.throttling && { throttledSeconds: cpu.throttling.throttledTime / 1e9 }),
      ...known({ readBytes: moved('read'), writtenBytes: moved('write') }),
    };
  }
  if (holds(payload, v2)) {
    const { memory, memoryEvents, cpu, io } = messageOfAny(payload, v2);
    return {
      oomKills: memoryEvents?.oomKill ?? 0,
      ...counted('peakMemoryBytes', memory?.maxUsage),
      ...(cpu && { cpuSeconds: cpu.usageUsec / 1e6, throttledSeconds: cpu.throttledUsec / 1e6 }),
      ...known({
        readBytes: sum(io?.usage.map(({ rbytes }) => rbytes)),
        writtenBytes: sum(io?.usage.map(({ wbytes }) => wbytes)),
      }),
    };
  }
  return { oomKills: 0 };
}

/**
 * What no containerd passes on, or not every one: `memory.peak` (v2, Linux 5.19), `pids.peak` (Linux 6.1), and how often a fork failed
 * because of `pids.max`.
 */
export async function usageOfFiles(cgroup: string): Promise<Omit<Usage, 'oomKills'>> {
  const read = (name: string): Promise<string> => readFile(join(cgroup, name), 'utf8').catch(() => '');
  const [memory, pids, events] = await Promise.all(['memory.peak', 'pids.peak', 'pids.events'].map(read));
  const hits = /^max (\d+)$/m.exec(events ?? '')?.[1];
  return {
    ...counted('peakMemoryBytes', Number(memory)),
    ...counted('peakPids', Number(pids)),
    ...(hits !== undefined && { pidsLimitHits: Number(hits) }),
  };
}

/** A container has always used memory and had a process: zero means that nobody counted. */
function counted<Name extends string>(name: Name, value: number | undefined): { readonly [K in Name]?: number } {
  return (value !== undefined && value > 0 ? { [name]: value } : {}) as { readonly [K in Name]?: number };
}

/** A disk that is not named at all may as well not be counted. */
function sum(values: readonly number[] = []): number | undefined {
  return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
}

function known(values: Readonly<Record<'readBytes' | 'writtenBytes', number | undefined>>): Partial<Usage> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
