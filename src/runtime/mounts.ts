import type { ContainerRequest } from './types.ts';

/** One entry of `mounts` in an OCI runtime spec. */
export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const defaultShmBytes = 64 * 1024 * 1024;

/** Docker's default mounts, then the bind mounts of the request in their order. Hardened bind mounts honour neither setuid bits nor device nodes. */
export function mountsOf(request: ContainerRequest): SpecMount[] {
  const shmBytes = request.limits.shmBytes ?? defaultShmBytes;
  const hardening = request.policy === 'hardened' ? ['nosuid', 'nodev'] : [];
  const isWithin = request.userNamespace !== undefined;
  return [
    kernel('/proc', 'proc', 'proc', 'nosuid,noexec,nodev'),
    kernel('/dev', 'tmpfs', 'tmpfs', 'nosuid,strictatime,mode=755,size=65536k'),
    kernel('/dev/pts', 'devpts', 'devpts', 'nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5'),
    ...(isWithin ? [kernel('/sys', 'tmpfs', 'tmpfs', 'nosuid,noexec,nodev,ro')] : system),
    kernel('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid,noexec,nodev'),
    kernel('/dev/shm', 'tmpfs', 'shm', `nosuid,noexec,nodev,mode=1777,size=${shmBytes}`),
    ...request.mounts.map(({ source, destination, readonly = false }) => ({
      destination,
      type: 'bind',
      source,
      options: ['rbind', 'rprivate', readonly ? 'ro' : 'rw', ...hardening],
    })),
  ];
}

/** Nobody may mount it who does not own the network namespace, which is the node's for the root of a user namespace. */
const system = [
  kernel('/sys', 'sysfs', 'sysfs', 'nosuid,noexec,nodev,ro'),
  kernel('/sys/fs/cgroup', 'cgroup', 'cgroup', 'ro,nosuid,noexec,nodev'),
];

function kernel(destination: string, type: string, source: string, options: string): SpecMount {
  return { destination, type, source, options: options.split(',') };
}

/** Docker's list: what would tell about, or change, the host. Paths that do not exist are skipped by the runtime. */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
