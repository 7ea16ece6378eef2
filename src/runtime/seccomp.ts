/** The `linux.seccomp` part of an OCI runtime spec (runtime-spec, config-linux.md), evaluated: nothing conditional is left in it. */
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_LT' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ';
}

export interface SeccompFacts {
  /** Bounding set of the container. */
  readonly capabilities: readonly string[];
  /** Node's name of the architecture. */
  readonly arch: NodeJS.Architecture;
  /** Whether 32-bit programs of the same family may run, as with Docker; those that may not are killed by SIGSYS. */
  readonly compat32: boolean;
  /** Allowed by nothing of the above. */
  readonly denied?: readonly string[];
}

/**
 * The default profile of containerd and Docker, without the x32 system calls that distributions' kernels do not have: everything not named answers EPERM. io_uring, AF_VSOCK and AF_ALG sockets are denied;
 * without CAP_SYS_ADMIN no namespace can be made, and `clone3`, whose flags a filter cannot see, answers ENOSYS so that libc falls
 * back to `clone`. Names that the host's libseccomp does not know are skipped by the runtime.
 */
export function seccompProfile({ capabilities, arch, compat32, denied = [] }: SeccompFacts): SeccompProfile {
  const platform = platforms[arch];
  const granted = Object.entries(byCapability)
    .filter(([capability]) => capabilities.includes(capability))
    .flatMap(([, names]) => words(names));
  const names = new Set([...words(always), ...words(platform?.syscalls ?? ''), ...granted]);
  for (const name of denied) names.delete(name);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: platform === undefined ? [] : [platform.native, ...(compat32 ? platform.compat : [])],
    syscalls: [
      { names: [...names], action: 'SCMP_ACT_ALLOW' },
      ...sockets,
      ...personalities.map((value) => when('personality', { index: 0, value, op: 'SCMP_CMP_EQ' })),
      ...(capabilities.includes('CAP_SYS_ADMIN') ? [] : withoutNamespaces(arch)),
    ],
  };
}

function when(name: string, argument: SeccompArgument): SeccompRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [argument] };
}

const afAlg = 38;
const afVsock = 40;

// Several conditions on one argument in one rule would be alternatives, so the gaps are three rules.
const sockets: readonly SeccompRule[] = [
  when('socket', { index: 0, value: afAlg, op: 'SCMP_CMP_LT' }),
  when('socket', { index: 0, value: afAlg + 1, op: 'SCMP_CMP_EQ' }),
  when('socket', { index: 0, value: afVsock, op: 'SCMP_CMP_GT' }),
];

const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaceFlags = 0x7e020000;
const enosys = 38;

function withoutNamespaces(arch: NodeJS.Architecture): SeccompRule[] {
  const index = arch === 's390x' ? 1 : 0;
  return [
    when('clone', { index, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
  ];
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Each architecture of a filter costs the runtime 4 ms at every start. */
interface Platform {
  readonly native: string;
  readonly compat: readonly string[];
  readonly syscalls: string;
}

const platforms: Partial<Record<NodeJS.Architecture, Platform>> = {
  x64: {
    native: 'SCMP_ARCH_X86_64',
    compat: ['SCMP_ARCH_X86'],
    syscalls: 'arch_prctl modify_ldt',
  },
  arm64: {
    native: 'SCMP_ARCH_AARCH64',
    compat: ['SCMP_ARCH_ARM'],
    syscalls: 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls',
  },
  ppc64: { native: 'SCMP_ARCH_PPC64LE', compat: [], syscalls: 'sync_file_range2 swapcontext' },
  s390x: {
    native: 'SCMP_ARCH_S390X',
    compat: ['SCMP_ARCH_S390'],
    syscalls: 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr',
  },
  riscv64: { native: 'SCMP_ARCH_RISCV64', compat: [], syscalls: 'riscv_flush_icache riscv_hwprobe' },
};

const byCapability: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
    open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module init_module finit_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYSLOG: 'syslog',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

/** Allowed whatever the arguments; ptrace and its kin are safe since Linux 4.8, older kernels are not supported. */
const always = `
  accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
  fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
  fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait
  futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
  getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
  getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt
  get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init
  inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64
  ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset
  landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr
  _llseek lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 madvise
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall map_shadow_stack
  mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
  mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe
  pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64
  process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
  recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat
  renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr
  sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
  sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
  seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto
  setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority
  setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list
  setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget
  shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs
  statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
  timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
  timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit
  umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid
  waitpid write writev
  ptrace process_vm_readv process_vm_writev
`;
