import type { ContainerRequest } from './types.ts';

/** The `process.capabilities` part of an OCI runtime spec (runtime-spec, config.md); full names with `CAP_`. */
export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
}

/** What Docker grants by default; as a mask 00000000a80425fb. */
const dockerDefault: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/**
 * Compatible: Docker's default set, of which a process that is not root holds the bounding set only. Hardened: nothing at all.
 * Inheritable and ambient sets are always empty.
 */
export function capabilitySets(policy: ContainerRequest['policy'], uid: number): CapabilitySets {
  if (policy === 'hardened') return { bounding: [], effective: [], permitted: [] };
  const held = uid === 0 ? dockerDefault : [];
  return { bounding: dockerDefault, effective: held, permitted: held };
}

/** What root of a user namespace needs to unpack images, and to run commands in them: worth nothing outside of the namespace. */
export function capabilitiesWithin(): CapabilitySets {
  const held = [...dockerDefault, 'CAP_DAC_READ_SEARCH', 'CAP_SYS_ADMIN'];
  return { bounding: held, effective: held, permitted: held };
}

/** System calls that come with these capabilities, and that nobody needs to unpack an image or to run a command in it. */
export const notNeededWithin: readonly string[] = [
  ...['bpf', 'fanotify_init', 'lookup_dcookie', 'open_by_handle_at', 'perf_event_open', 'quotactl', 'quotactl_fd'],
  ...['setdomainname', 'sethostname', 'syslog', 'ptrace', 'process_vm_readv', 'process_vm_writev'],
];
