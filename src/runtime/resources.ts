import type { Cgroups } from './cgroups.ts';
import type { Limits } from './types.ts';

const cpuPeriod = 100_000;
const smallestQuota = 1_000;

/**
 * The `linux.resources` part of an OCI runtime spec; the runtime writes it to cgroup v1 or v2. Memory and swap follow Docker: twice the
 * memory unless told otherwise. A kernel that does not count swap gets no swap limit, as it would refuse one.
 */
export function resourcesOf(limits: Limits, { version, swapAccounting }: Pick<Cgroups, 'version' | 'swapAccounting'>) {
  const memory = Math.floor(limits.memoryBytes);
  return {
    devices: [{ allow: false, access: 'rwm' }, ...allowedDevices],
    memory: {
      limit: memory,
      ...(swapAccounting && { swap: Math.max(memory, Math.floor(limits.memorySwapBytes ?? 2 * memory)) }),
    },
    ...(limits.cpus !== undefined && {
      cpu: { quota: Math.max(smallestQuota, Math.round(limits.cpus * cpuPeriod)), period: cpuPeriod },
    }),
    ...(limits.pids !== undefined && { pids: { limit: limits.pids } }),
    ...(limits.killsAsGroup === true && version === 'v2' && { unified: { 'memory.oom.group': '1' } }),
  };
}

interface DeviceRule {
  readonly allow: boolean;
  readonly type?: 'c' | 'b';
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** mknod of anything, as Docker; use of null, zero, full, random, urandom, tty, console, ptmx and the pseudo terminals. */
const allowedDevices: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
    ] as const
  ).map(([major, minor]): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];
