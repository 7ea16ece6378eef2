import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holds, messageOfAny } from '../containerd/any.ts';
import type { Containerd, ResponseOf } from '../containerd/client.ts';
import type { Cgroups } from './cgroups.ts';
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
  const { metrics } = await client.call('Tasks.Metrics', { filters: [`id==${id}`] });
  const usage = usageOf(metrics.find((metric) => metric.id === id)?.data ?? null);
  if (usage.peakMemoryBytes !== undefined || cgroups.version === 'v1' || cgroup === undefined) return usage;
  return withPeak(usage, await peakOfV2(join(cgroups.processRoot, cgroup)));
}

/** The counters in a metrics payload of either cgroup version. */
export function usageOf(payload: Payload): Usage {
  if (holds(payload, v1)) {
    const { memory, memoryOomControl, cpu } = messageOfAny(payload, v1);
    const usage = {
      oomKills: memoryOomControl?.oomKill ?? 0,
      ...(cpu?.usage && { cpuSeconds: cpu.usage.total / 1e9 }),
    };
    return withPeak(usage, memory?.usage?.max);
  }
  if (holds(payload, v2)) {
    const { memory, memoryEvents, cpu } = messageOfAny(payload, v2);
    const usage = { oomKills: memoryEvents?.oomKill ?? 0, ...(cpu && { cpuSeconds: cpu.usageUsec / 1e6 }) };
    return withPeak(usage, memory?.maxUsage);
  }
  return { oomKills: 0 };
}

/** A container has always used memory: zero means that nobody counted. */
function withPeak(usage: Usage, peak: number | undefined): Usage {
  return peak !== undefined && peak > 0 ? { ...usage, peakMemoryBytes: peak } : usage;
}

/** `memory.peak` exists since Linux 5.19; containerd 1.x does not pass it on. */
async function peakOfV2(cgroup: string): Promise<number | undefined> {
  try {
    return Number(await readFile(join(cgroup, 'memory.peak'), 'utf8'));
  } catch {
    return undefined;
  }
}
