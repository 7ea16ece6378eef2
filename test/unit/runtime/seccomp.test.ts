import { describe, expect, it } from 'vitest';
import { capabilitySets } from '../../../src/runtime/capabilities.ts';
import { type SeccompRule, seccompProfile } from '../../../src/runtime/seccomp.ts';

const docker = capabilitySets('compatible', 0).bounding;

/** What a filter built from the rules answers to one call: the meaning of the comparisons is libseccomp's. */
function verdict(rules: readonly SeccompRule[], name: string, ...args: readonly number[]): string {
  const rule = rules.find(
    ({ names, args: conditions = [] }) =>
      names.includes(name) &&
      conditions.every(({ index, op, value, valueTwo = 0 }) => {
        const actual = BigInt(args[index] ?? 0);
        if (op === 'SCMP_CMP_EQ') return actual === BigInt(value);
        if (op === 'SCMP_CMP_LT') return actual < BigInt(value);
        if (op === 'SCMP_CMP_GT') return actual > BigInt(value);
        return (actual & BigInt(value)) === BigInt(valueTwo);
      }),
  );
  if (rule === undefined) return 'EPERM';
  return rule.action === 'SCMP_ACT_ALLOW' ? 'allow' : `errno ${rule.errnoRet}`;
}

describe('the default profile', () => {
  const { syscalls, architectures } = seccompProfile({ capabilities: docker, arch: 'x64', compat32: true });

  it.each(['read', 'execve', 'openat2', 'ptrace', 'arch_prctl', 'chroot', 'statx', 'futex'])('allows %s', (name) => {
    expect(verdict(syscalls, name)).toBe('allow');
  });

  it.each([
    ...[
      'mount',
      'umount2',
      'unshare',
      'setns',
      'bpf',
      'keyctl',
      'add_key',
      'reboot',
      'init_module',
      'kexec_load',
      'swapon',
    ],
    ...[
      'io_uring_setup',
      'io_uring_enter',
      'io_uring_register',
      'perf_event_open',
      'open_by_handle_at',
      'userfaultfd',
      'syslog',
    ],
  ])('denies %s', (name) => {
    expect(verdict(syscalls, name)).toBe('EPERM');
  });

  it.each([
    ['AF_UNIX', 1, 'allow'],
    ['AF_INET', 2, 'allow'],
    ['AF_ALG', 38, 'EPERM'],
    ['AF_NFC', 39, 'allow'],
    ['AF_VSOCK', 40, 'EPERM'],
    ['AF_XDP', 44, 'allow'],
  ])('answers to a socket of %s (%d): %s', (_, family, answer) => {
    expect(verdict(syscalls, 'socket', family)).toBe(answer);
  });

  it.each([
    ['a thread', 0x3d0f00, 'allow'],
    ['fork', 0x1200011, 'allow'],
    ['a mount namespace', 0x20000, 'EPERM'],
    ['a cgroup namespace', 0x2000000, 'EPERM'],
    ['a user namespace', 0x10000000, 'EPERM'],
    ['a network namespace', 0x40000000, 'EPERM'],
  ])('answers to clone of %s', (_, flags, answer) => {
    expect(verdict(syscalls, 'clone', flags)).toBe(answer);
  });

  it('makes libc fall back from clone3 to clone', () => {
    expect(verdict(syscalls, 'clone3')).toBe('errno 38');
  });

  it('allows the harmless personalities only', () => {
    expect(verdict(syscalls, 'personality', 0xffffffff)).toBe('allow');
    expect(verdict(syscalls, 'personality', 0x0040000)).toBe('EPERM');
  });

  it('covers the 32-bit system calls of the architecture when asked to', () => {
    expect(architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(seccompProfile({ capabilities: docker, arch: 'x64', compat32: false }).architectures).toEqual([
      'SCMP_ARCH_X86_64',
    ]);
  });
});

it('denies chroot to a container that has no capabilities', () => {
  const { syscalls } = seccompProfile({ capabilities: [], arch: 'x64', compat32: true });
  expect(verdict(syscalls, 'chroot')).toBe('EPERM');
});

it('opens namespaces and clone3 to CAP_SYS_ADMIN', () => {
  const { syscalls } = seccompProfile({ capabilities: ['CAP_SYS_ADMIN'], arch: 'arm64', compat32: false });
  expect(verdict(syscalls, 'clone', 0x10000000)).toBe('allow');
  expect(verdict(syscalls, 'clone3')).toBe('allow');
  expect(verdict(syscalls, 'mount')).toBe('allow');
  expect(verdict(syscalls, 'arch_prctl')).toBe('EPERM');
});
