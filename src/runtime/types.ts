import type { ReadyImage } from '../image/types.ts';

/** A resource limit by its name in `ulimit` and Docker; bytes, or open files. */
export type Ulimit = 'core' | 'fsize' | 'memlock' | 'msgqueue' | 'nofile' | 'stack';

/** Limits of one container. Bytes, cores, counts. */
export interface Limits {
  readonly memoryBytes: number;
  /** Memory and swap together, as Docker's `--memory-swap`; equal to `memoryBytes` means no swap. Absent: twice the memory. */
  readonly memorySwapBytes?: number;
  /** Fractions allowed; absent means no quota. */
  readonly cpus?: number;
  readonly pids?: number;
  /** Size of `/dev/shm`; 64 MiB when absent. */
  readonly shmBytes?: number;
  /** Resource limits of the process, soft and hard alike; lowered to what the host allows. */
  readonly ulimits?: Readonly<Partial<Record<Ulimit, number>>>;
  /** A process that is killed for want of memory takes the whole container with it; cgroup v2 only. */
  readonly killsAsGroup?: boolean;
}

/** Ids from 0 on that stand for as many of the host, users and groups alike. */
export interface UserNamespace {
  readonly hostId: number;
  readonly size: number;
}

export interface BindMount {
  readonly source: string;
  readonly destination: string;
  readonly readonly?: boolean;
}

/** Everything needed to run one container; plain data. */
export interface ContainerRequest {
  /** containerd id, 64 hex digits; never reused on a host. */
  readonly id: string;
  readonly image: ReadyImage;
  /** Labels of the container record, under our own prefix. */
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute cgroup path of the parent, for example `/componentd/default/01J…`; the container's own cgroup is `<parent>/<id>`. */
  readonly cgroupParent: string;
  /** Wins over the image's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly BindMount[];
  /** Numeric user without supplementary groups, or the image's own user. */
  readonly user: { readonly uid: number; readonly gid: number } | 'image';
  readonly hostname: string;
  /** None: nothing but a loopback interface. */
  readonly network: 'none' | 'bridge' | 'no-internet';
  readonly sysctls: Readonly<Record<string, string>>;
  readonly limits: Limits;
  /**
   * The container's users are these of the host and no others: id 0 is `hostId`. Its root may then mount and make namespaces, within it.
   * For images without layers: the whole root belongs to it.
   */
  readonly userNamespace?: UserNamespace;
  /** Compatible: Docker's default capabilities. Hardened: none, no new privileges. */
  readonly policy: 'compatible' | 'hardened';
  /** Regular files, created 0600 by the callee, that the shim appends to. */
  readonly logs: { readonly stdout: string; readonly stderr: string };
}

export type TaskStatus = 'created' | 'running' | 'stopped';

export interface TaskExit {
  /** 128 + signal for a process ended by a signal. */
  readonly code: number;
  /** ISO 8601, the shim's reap time. */
  readonly exitedAt: string;
}

/** Counters of the container's cgroup, read after the exit and before the task is deleted. Absent when the kernel does not say. */
export interface Usage {
  readonly oomKills: number;
  readonly peakMemoryBytes?: number;
  readonly cpuSeconds?: number;
  /** How long it was held back by its quota of processor time. */
  readonly throttledSeconds?: number;
  /** From and to disks; on cgroup v1 without what the kernel wrote back from its cache later. */
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  /** Processes and threads. */
  readonly peakPids?: number;
  /** How often none could be started because of the limit. */
  readonly pidsLimitHits?: number;
}

/** One container with its task. Every method may be called again after a failure. */
export interface Container {
  readonly id: string;
  status(): Promise<TaskStatus>;
  /** Starts the created task; `Wait` is registered before. Resolves once the process runs. */
  start(): Promise<void>;
  /** The exit of the task, however long it takes and however often containerd restarts; an abort only ends the waiting. @throws InfrastructureError reason `lost` when the task has vanished. */
  wait(signal?: AbortSignal): Promise<TaskExit>;
  /** SIGTERM, `graceMs`, then SIGKILL to all; resolves when the task has stopped. @throws InfrastructureError reason `stuck` when it has not within a bounded time. */
  stop(graceMs: number): Promise<void>;
  usage(): Promise<Usage>;
  /** Kills what still runs, then removes task, container record, snapshot and cgroup. The log files have their last byte when it resolves, and stay. Tolerates whatever is gone already. */
  remove(): Promise<void>;
}

/** "Run one container" on containerd. */
export interface Runtime {
  /** Record, snapshot, task, in the order that loses nothing. A failure leaves nothing behind. Not cancellable. @throws ApplicationError reason `entrypoint` when the image's command cannot be run. */
  create(request: ContainerRequest): Promise<Container>;
  /** The container that an earlier process created, with a task in any state; `undefined` when there is no such task. */
  open(id: string): Promise<Container | undefined>;
  /** Removes every trace of the id, as `Container.remove` does. */
  remove(id: string): Promise<void>;
}
