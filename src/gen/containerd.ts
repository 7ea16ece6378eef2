// Generated from proto/ by scripts/generate.ts. Do not edit.

// int64 and uint64 are numbers: exact up to 2^53, nearest double above. A message that is not set is null. An enum value unknown here arrives as its number.

export type ContentWriteAction = 'STAT' | 'WRITE' | 'COMMIT';

export type SnapshotKind = 'UNKNOWN' | 'VIEW' | 'ACTIVE' | 'COMMITTED';

export type TaskStatus = 'UNKNOWN' | 'CREATED' | 'RUNNING' | 'STOPPED' | 'PAUSED' | 'PAUSING';

export type HealthCheckResponseServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

export interface TaskStart {
  readonly containerId: string;
  readonly pid: number;
}

export interface TaskExit {
  readonly containerId: string;
  readonly id: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
}

export interface TaskDelete {
  readonly containerId: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
  readonly id: string;
}

export interface TaskOOM {
  readonly containerId: string;
}

export interface RuncOptions {
  readonly noPivotRoot: boolean;
  readonly noNewKeyring: boolean;
  readonly shimCgroup: string;
  readonly ioUid: number;
  readonly ioGid: number;
  readonly binaryName: string;
  readonly root: string;
  readonly systemdCgroup: boolean;
}

export interface Container {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly runtime: ContainerRuntime | null;
  readonly spec: Any | null;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  readonly createdAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
  readonly extensions: Readonly<Record<string, Any>>;
}

export interface ContainerRuntime {
  readonly name: string;
  readonly options: Any | null;
}

export interface GetContainerResponse {
  readonly container: Container | null;
}

export interface ListContainersResponse {
  readonly containers: readonly Container[];
}

export interface ListContainerMessage {
  readonly container: Container | null;
}

export interface CreateContainerResponse {
  readonly container: Container | null;
}

export interface UpdateContainerResponse {
  readonly container: Container | null;
}

export interface ContentInfo {
  readonly digest: string;
  readonly size: number;
  readonly createdAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContentInfoResponse {
  readonly info: ContentInfo | null;
}

export interface ContentUpdateResponse {
  readonly info: ContentInfo | null;
}

export interface ListContentResponse {
  readonly info: readonly ContentInfo[];
}

export interface ReadContentResponse {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface ContentStatus {
  readonly startedAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
  readonly ref: string;
  readonly offset: number;
  readonly total: number;
  readonly expected: string;
}

export interface ContentStatusResponse {
  readonly status: ContentStatus | null;
}

export interface ContentListStatusesResponse {
  readonly statuses: readonly ContentStatus[];
}

export interface WriteContentResponse {
  readonly action: ContentWriteAction;
  readonly startedAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
  readonly offset: number;
  readonly total: number;
  readonly digest: string;
}

export interface DiffApplyResponse {
  readonly applied: Descriptor | null;
}

export interface DiffResponse {
  readonly diff: Descriptor | null;
}

export interface EventEnvelope {
  readonly timestamp: Timestamp | null;
  readonly namespace: string;
  readonly topic: string;
  readonly event: Any | null;
}

export interface Image {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: Descriptor | null;
  readonly createdAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
}

export interface GetImageResponse {
  readonly image: Image | null;
}

export interface ListImagesResponse {
  readonly images: readonly Image[];
}

export interface CreateImageResponse {
  readonly image: Image | null;
}

export interface UpdateImageResponse {
  readonly image: Image | null;
}

export interface IntrospectionPluginsResponse {
  readonly plugins: readonly IntrospectionPlugin[];
}

export interface IntrospectionPlugin {
  readonly type: string;
  readonly id: string;
  readonly requires: readonly string[];
  readonly platforms: readonly Platform[];
  readonly exports: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
}

export interface IntrospectionServerResponse {
  readonly uuid: string;
  readonly pid: number;
}

export interface Lease {
  readonly id: string;
  readonly createdAt: Timestamp | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LeaseCreateResponse {
  readonly lease: Lease | null;
}

export interface LeaseListResponse {
  readonly leases: readonly Lease[];
}

export interface LeaseResource {
  readonly id: string;
  readonly type: string;
}

export interface LeaseListResourcesResponse {
  readonly resources: readonly LeaseResource[];
}

export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface GetNamespaceResponse {
  readonly namespace: Namespace | null;
}

export interface ListNamespacesResponse {
  readonly namespaces: readonly Namespace[];
}

export interface CreateNamespaceResponse {
  readonly namespace: Namespace | null;
}

export interface UpdateNamespaceResponse {
  readonly namespace: Namespace | null;
}

export interface SandboxStoreCreateResponse {
  readonly sandbox: Sandbox | null;
}

export interface SandboxStoreDeleteResponse {
}

export interface SandboxStoreListResponse {
  readonly list: readonly Sandbox[];
}

export interface SandboxStoreGetResponse {
  readonly sandbox: Sandbox | null;
}

export interface SnapshotInfo {
  readonly name: string;
  readonly parent: string;
  readonly kind: SnapshotKind;
  readonly createdAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface PrepareSnapshotResponse {
  readonly mounts: readonly Mount[];
}

export interface ViewSnapshotResponse {
  readonly mounts: readonly Mount[];
}

export interface SnapshotMountsResponse {
  readonly mounts: readonly Mount[];
}

export interface StatSnapshotResponse {
  readonly info: SnapshotInfo | null;
}

export interface UpdateSnapshotResponse {
  readonly info: SnapshotInfo | null;
}

export interface ListSnapshotsResponse {
  readonly info: readonly SnapshotInfo[];
}

export interface SnapshotUsageResponse {
  readonly size: number;
  readonly inodes: number;
}

export interface CreateTaskResponse {
  readonly containerId: string;
  readonly pid: number;
}

export interface TaskStartResponse {
  readonly pid: number;
}

export interface TaskDeleteResponse {
  readonly id: string;
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
}

export interface TaskGetResponse {
  readonly process: TaskProcess | null;
}

export interface ListTasksResponse {
  readonly tasks: readonly TaskProcess[];
}

export interface TaskListPidsResponse {
  readonly processes: readonly TaskProcessInfo[];
}

export interface TaskMetricsResponse {
  readonly metrics: readonly Metric[];
}

export interface TaskWaitResponse {
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
}

export interface VersionResponse {
  readonly version: string;
  readonly revision: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

export interface Metric {
  readonly timestamp: Timestamp | null;
  readonly id: string;
  readonly data: Any | null;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

export interface Sandbox {
  readonly sandboxId: string;
  readonly runtime: SandboxRuntime | null;
  readonly spec: Any | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Timestamp | null;
  readonly updatedAt: Timestamp | null;
}

export interface SandboxRuntime {
  readonly name: string;
  readonly options: Any | null;
}

export interface TaskProcess {
  readonly containerId: string;
  readonly id: string;
  readonly pid: number;
  readonly status: TaskStatus;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp | null;
}

export interface TaskProcessInfo {
  readonly pid: number;
  readonly info: Any | null;
}

export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

export interface Empty {
}

export interface HealthCheckResponse {
  readonly status: HealthCheckResponseServingStatus;
}

export interface CgroupV1Metrics {
  readonly pids: CgroupV1PidsStat | null;
  readonly cpu: CgroupV1CPUStat | null;
  readonly memory: CgroupV1MemoryStat | null;
  readonly blkio: CgroupV1BlkIOStat | null;
  readonly memoryOomControl: CgroupV1MemoryOomControl | null;
}

export interface CgroupV1PidsStat {
  readonly current: number;
  readonly limit: number;
}

export interface CgroupV1CPUStat {
  readonly usage: CgroupV1CPUUsage | null;
  readonly throttling: CgroupV1Throttle | null;
}

export interface CgroupV1CPUUsage {
  readonly total: number;
  readonly kernel: number;
  readonly user: number;
}

export interface CgroupV1Throttle {
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledTime: number;
}

export interface CgroupV1MemoryStat {
  readonly totalRss: number;
  readonly totalInactiveFile: number;
  readonly usage: CgroupV1MemoryEntry | null;
  readonly swap: CgroupV1MemoryEntry | null;
  readonly kernel: CgroupV1MemoryEntry | null;
}

export interface CgroupV1MemoryEntry {
  readonly limit: number;
  readonly usage: number;
  readonly max: number;
  readonly failcnt: number;
}

export interface CgroupV1MemoryOomControl {
  readonly oomKillDisable: number;
  readonly underOom: number;
  readonly oomKill: number;
}

export interface CgroupV1BlkIOStat {
  readonly ioServiceBytesRecursive: readonly CgroupV1BlkIOEntry[];
}

export interface CgroupV1BlkIOEntry {
  readonly op: string;
  readonly device: string;
  readonly major: number;
  readonly minor: number;
  readonly value: number;
}

export interface CgroupV2Metrics {
  readonly pids: CgroupV2PidsStat | null;
  readonly cpu: CgroupV2CPUStat | null;
  readonly memory: CgroupV2MemoryStat | null;
  readonly io: CgroupV2IOStat | null;
  readonly memoryEvents: CgroupV2MemoryEvents | null;
}

export interface CgroupV2PidsStat {
  readonly current: number;
  readonly limit: number;
}

export interface CgroupV2CPUStat {
  readonly usageUsec: number;
  readonly userUsec: number;
  readonly systemUsec: number;
  readonly nrPeriods: number;
  readonly nrThrottled: number;
  readonly throttledUsec: number;
}

export interface CgroupV2MemoryStat {
  readonly anon: number;
  readonly file: number;
  readonly inactiveFile: number;
  readonly usage: number;
  readonly usageLimit: number;
  readonly swapUsage: number;
  readonly swapLimit: number;
  readonly maxUsage: number;
  readonly swapMaxUsage: number;
}

export interface CgroupV2MemoryEvents {
  readonly low: number;
  readonly high: number;
  readonly max: number;
  readonly oom: number;
  readonly oomKill: number;
}

export interface CgroupV2IOStat {
  readonly usage: readonly CgroupV2IOEntry[];
}

export interface CgroupV2IOEntry {
  readonly major: number;
  readonly minor: number;
  readonly rbytes: number;
  readonly wbytes: number;
}

export interface ShimOptions {
  readonly typeUrl: string;
  readonly configPath: string;
}

export interface TaskStartInput {
  readonly containerId?: string;
  readonly pid?: number;
}

export interface TaskExitInput {
  readonly containerId?: string;
  readonly id?: string;
  readonly pid?: number;
  readonly exitStatus?: number;
  readonly exitedAt?: TimestampInput | null;
}

export interface TaskDeleteInput {
  readonly containerId?: string;
  readonly pid?: number;
  readonly exitStatus?: number;
  readonly exitedAt?: TimestampInput | null;
  readonly id?: string;
}

export interface TaskOOMInput {
  readonly containerId?: string;
}

export interface RuncOptionsInput {
  readonly noPivotRoot?: boolean;
  readonly noNewKeyring?: boolean;
  readonly shimCgroup?: string;
  readonly ioUid?: number;
  readonly ioGid?: number;
  readonly binaryName?: string;
  readonly root?: string;
  readonly systemdCgroup?: boolean;
}

export interface ContainerInput {
  readonly id?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly runtime?: ContainerRuntimeInput | null;
  readonly spec?: AnyInput | null;
  readonly snapshotter?: string;
  readonly snapshotKey?: string;
  readonly createdAt?: TimestampInput | null;
  readonly updatedAt?: TimestampInput | null;
  readonly extensions?: Readonly<Record<string, AnyInput>>;
}

export interface ContainerRuntimeInput {
  readonly name?: string;
  readonly options?: AnyInput | null;
}

export interface GetContainerRequest {
  readonly id?: string;
}

export interface ListContainersRequest {
  readonly filters?: readonly string[];
}

export interface CreateContainerRequest {
  readonly container?: ContainerInput | null;
}

export interface UpdateContainerRequest {
  readonly container?: ContainerInput | null;
  readonly updateMask?: FieldMask | null;
}

export interface DeleteContainerRequest {
  readonly id?: string;
}

export interface ContentInfoInput {
  readonly digest?: string;
  readonly size?: number;
  readonly createdAt?: TimestampInput | null;
  readonly updatedAt?: TimestampInput | null;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ContentInfoRequest {
  readonly digest?: string;
}

export interface ContentUpdateRequest {
  readonly info?: ContentInfoInput | null;
  readonly updateMask?: FieldMask | null;
}

export interface ListContentRequest {
  readonly filters?: readonly string[];
}

export interface DeleteContentRequest {
  readonly digest?: string;
}

export interface ReadContentRequest {
  readonly digest?: string;
  readonly offset?: number;
  readonly size?: number;
}

export interface ContentStatusRequest {
  readonly ref?: string;
}

export interface ContentListStatusesRequest {
  readonly filters?: readonly string[];
}

export interface WriteContentRequest {
  readonly action?: ContentWriteAction;
  readonly ref?: string;
  readonly total?: number;
  readonly expected?: string;
  readonly offset?: number;
  readonly data?: Uint8Array;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ContentAbortRequest {
  readonly ref?: string;
}

export interface DiffApplyRequest {
  readonly diff?: DescriptorInput | null;
  readonly mounts?: readonly MountInput[];
  readonly syncFs?: boolean;
}

export interface DiffRequest {
  readonly left?: readonly MountInput[];
  readonly right?: readonly MountInput[];
  readonly mediaType?: string;
  readonly ref?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface EventPublishRequest {
  readonly topic?: string;
  readonly event?: AnyInput | null;
}

export interface EventSubscribeRequest {
  readonly filters?: readonly string[];
}

export interface ImageInput {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: DescriptorInput | null;
  readonly createdAt?: TimestampInput | null;
  readonly updatedAt?: TimestampInput | null;
}

export interface GetImageRequest {
  readonly name?: string;
}

export interface ListImagesRequest {
  readonly filters?: readonly string[];
}

export interface CreateImageRequest {
  readonly image?: ImageInput | null;
}

export interface UpdateImageRequest {
  readonly image?: ImageInput | null;
  readonly updateMask?: FieldMask | null;
}

export interface DeleteImageRequest {
  readonly name?: string;
  readonly sync?: boolean;
}

export interface IntrospectionPluginsRequest {
  readonly filters?: readonly string[];
}

export interface LeaseCreateRequest {
  readonly id?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface LeaseDeleteRequest {
  readonly id?: string;
  readonly sync?: boolean;
}

export interface LeaseListRequest {
  readonly filters?: readonly string[];
}

export interface LeaseResourceInput {
  readonly id?: string;
  readonly type?: string;
}

export interface LeaseAddResourceRequest {
  readonly id?: string;
  readonly resource?: LeaseResourceInput | null;
}

export interface LeaseDeleteResourceRequest {
  readonly id?: string;
  readonly resource?: LeaseResourceInput | null;
}

export interface LeaseListResourcesRequest {
  readonly id?: string;
}

export interface NamespaceInput {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface GetNamespaceRequest {
  readonly name?: string;
}

export interface ListNamespacesRequest {
  readonly filter?: string;
}

export interface CreateNamespaceRequest {
  readonly namespace?: NamespaceInput | null;
}

export interface UpdateNamespaceRequest {
  readonly namespace?: NamespaceInput | null;
  readonly updateMask?: FieldMask | null;
}

export interface DeleteNamespaceRequest {
  readonly name?: string;
}

export interface SandboxStoreCreateRequest {
  readonly sandbox?: SandboxInput | null;
}

export interface SandboxStoreDeleteRequest {
  readonly sandboxId?: string;
}

export interface SandboxStoreListRequest {
  readonly filters?: readonly string[];
}

export interface SandboxStoreGetRequest {
  readonly sandboxId?: string;
}

export interface SnapshotInfoInput {
  readonly name?: string;
  readonly parent?: string;
  readonly kind?: SnapshotKind;
  readonly createdAt?: TimestampInput | null;
  readonly updatedAt?: TimestampInput | null;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PrepareSnapshotRequest {
  readonly snapshotter?: string;
  readonly key?: string;
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ViewSnapshotRequest {
  readonly snapshotter?: string;
  readonly key?: string;
  readonly parent?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface SnapshotMountsRequest {
  readonly snapshotter?: string;
  readonly key?: string;
}

export interface CommitSnapshotRequest {
  readonly snapshotter?: string;
  readonly name?: string;
  readonly key?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RemoveSnapshotRequest {
  readonly snapshotter?: string;
  readonly key?: string;
}

export interface StatSnapshotRequest {
  readonly snapshotter?: string;
  readonly key?: string;
}

export interface UpdateSnapshotRequest {
  readonly snapshotter?: string;
  readonly info?: SnapshotInfoInput | null;
  readonly updateMask?: FieldMask | null;
}

export interface ListSnapshotsRequest {
  readonly snapshotter?: string;
  readonly filters?: readonly string[];
}

export interface SnapshotUsageRequest {
  readonly snapshotter?: string;
  readonly key?: string;
}

export interface CreateTaskRequest {
  readonly containerId?: string;
  readonly rootfs?: readonly MountInput[];
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly terminal?: boolean;
  readonly options?: AnyInput | null;
}

export interface TaskStartRequest {
  readonly containerId?: string;
  readonly execId?: string;
}

export interface DeleteTaskRequest {
  readonly containerId?: string;
}

export interface TaskGetRequest {
  readonly containerId?: string;
  readonly execId?: string;
}

export interface ListTasksRequest {
  readonly filter?: string;
}

export interface TaskKillRequest {
  readonly containerId?: string;
  readonly execId?: string;
  readonly signal?: number;
  readonly all?: boolean;
}

export interface PauseTaskRequest {
  readonly containerId?: string;
}

export interface ResumeTaskRequest {
  readonly containerId?: string;
}

export interface TaskListPidsRequest {
  readonly containerId?: string;
}

export interface TaskMetricsRequest {
  readonly filters?: readonly string[];
}

export interface TaskWaitRequest {
  readonly containerId?: string;
  readonly execId?: string;
}

export interface DescriptorInput {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly size?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface MountInput {
  readonly type?: string;
  readonly source?: string;
  readonly target?: string;
  readonly options?: readonly string[];
}

export interface SandboxInput {
  readonly sandboxId?: string;
  readonly runtime?: SandboxRuntimeInput | null;
  readonly spec?: AnyInput | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdAt?: TimestampInput | null;
  readonly updatedAt?: TimestampInput | null;
}

export interface SandboxRuntimeInput {
  readonly name?: string;
  readonly options?: AnyInput | null;
}

export interface AnyInput {
  readonly typeUrl?: string;
  readonly value?: Uint8Array;
}

export interface TimestampInput {
  readonly seconds?: number;
  readonly nanos?: number;
}

export interface EmptyInput {
}

export interface FieldMask {
  readonly paths?: readonly string[];
}

export interface HealthCheckRequest {
  readonly service?: string;
}

export interface CgroupV1MetricsInput {
  readonly pids?: CgroupV1PidsStatInput | null;
  readonly cpu?: CgroupV1CPUStatInput | null;
  readonly memory?: CgroupV1MemoryStatInput | null;
  readonly blkio?: CgroupV1BlkIOStatInput | null;
  readonly memoryOomControl?: CgroupV1MemoryOomControlInput | null;
}

export interface CgroupV1PidsStatInput {
  readonly current?: number;
  readonly limit?: number;
}

export interface CgroupV1CPUStatInput {
  readonly usage?: CgroupV1CPUUsageInput | null;
  readonly throttling?: CgroupV1ThrottleInput | null;
}

export interface CgroupV1CPUUsageInput {
  readonly total?: number;
  readonly kernel?: number;
  readonly user?: number;
}

export interface CgroupV1ThrottleInput {
  readonly periods?: number;
  readonly throttledPeriods?: number;
  readonly throttledTime?: number;
}

export interface CgroupV1MemoryStatInput {
  readonly totalRss?: number;
  readonly totalInactiveFile?: number;
  readonly usage?: CgroupV1MemoryEntryInput | null;
  readonly swap?: CgroupV1MemoryEntryInput | null;
  readonly kernel?: CgroupV1MemoryEntryInput | null;
}

export interface CgroupV1MemoryEntryInput {
  readonly limit?: number;
  readonly usage?: number;
  readonly max?: number;
  readonly failcnt?: number;
}

export interface CgroupV1MemoryOomControlInput {
  readonly oomKillDisable?: number;
  readonly underOom?: number;
  readonly oomKill?: number;
}

export interface CgroupV1BlkIOStatInput {
  readonly ioServiceBytesRecursive?: readonly CgroupV1BlkIOEntryInput[];
}

export interface CgroupV1BlkIOEntryInput {
  readonly op?: string;
  readonly device?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly value?: number;
}

export interface CgroupV2MetricsInput {
  readonly pids?: CgroupV2PidsStatInput | null;
  readonly cpu?: CgroupV2CPUStatInput | null;
  readonly memory?: CgroupV2MemoryStatInput | null;
  readonly io?: CgroupV2IOStatInput | null;
  readonly memoryEvents?: CgroupV2MemoryEventsInput | null;
}

export interface CgroupV2PidsStatInput {
  readonly current?: number;
  readonly limit?: number;
}

export interface CgroupV2CPUStatInput {
  readonly usageUsec?: number;
  readonly userUsec?: number;
  readonly systemUsec?: number;
  readonly nrPeriods?: number;
  readonly nrThrottled?: number;
  readonly throttledUsec?: number;
}

export interface CgroupV2MemoryStatInput {
  readonly anon?: number;
  readonly file?: number;
  readonly inactiveFile?: number;
  readonly usage?: number;
  readonly usageLimit?: number;
  readonly swapUsage?: number;
  readonly swapLimit?: number;
  readonly maxUsage?: number;
  readonly swapMaxUsage?: number;
}

export interface CgroupV2MemoryEventsInput {
  readonly low?: number;
  readonly high?: number;
  readonly max?: number;
  readonly oom?: number;
  readonly oomKill?: number;
}

export interface CgroupV2IOStatInput {
  readonly usage?: readonly CgroupV2IOEntryInput[];
}

export interface CgroupV2IOEntryInput {
  readonly major?: number;
  readonly minor?: number;
  readonly rbytes?: number;
  readonly wbytes?: number;
}

export interface ShimOptionsInput {
  readonly typeUrl?: string;
  readonly configPath?: string;
}

export interface Methods {
  'Containers.Get': { request: GetContainerRequest; response: GetContainerResponse; kind: 'unary' };
  'Containers.List': { request: ListContainersRequest; response: ListContainersResponse; kind: 'unary' };
  'Containers.ListStream': { request: ListContainersRequest; response: ListContainerMessage; kind: 'server-stream' };
  'Containers.Create': { request: CreateContainerRequest; response: CreateContainerResponse; kind: 'unary' };
  'Containers.Update': { request: UpdateContainerRequest; response: UpdateContainerResponse; kind: 'unary' };
  'Containers.Delete': { request: DeleteContainerRequest; response: Empty; kind: 'unary' };
  'Content.Info': { request: ContentInfoRequest; response: ContentInfoResponse; kind: 'unary' };
  'Content.Update': { request: ContentUpdateRequest; response: ContentUpdateResponse; kind: 'unary' };
  'Content.List': { request: ListContentRequest; response: ListContentResponse; kind: 'server-stream' };
  'Content.Delete': { request: DeleteContentRequest; response: Empty; kind: 'unary' };
  'Content.Read': { request: ReadContentRequest; response: ReadContentResponse; kind: 'server-stream' };
  'Content.Status': { request: ContentStatusRequest; response: ContentStatusResponse; kind: 'unary' };
  'Content.ListStatuses': { request: ContentListStatusesRequest; response: ContentListStatusesResponse; kind: 'unary' };
  'Content.Write': { request: WriteContentRequest; response: WriteContentResponse; kind: 'duplex' };
  'Content.Abort': { request: ContentAbortRequest; response: Empty; kind: 'unary' };
  'Diff.Apply': { request: DiffApplyRequest; response: DiffApplyResponse; kind: 'unary' };
  'Diff.Diff': { request: DiffRequest; response: DiffResponse; kind: 'unary' };
  'Events.Publish': { request: EventPublishRequest; response: Empty; kind: 'unary' };
  'Events.Subscribe': { request: EventSubscribeRequest; response: EventEnvelope; kind: 'server-stream' };
  'Images.Get': { request: GetImageRequest; response: GetImageResponse; kind: 'unary' };
  'Images.List': { request: ListImagesRequest; response: ListImagesResponse; kind: 'unary' };
  'Images.Create': { request: CreateImageRequest; response: CreateImageResponse; kind: 'unary' };
  'Images.Update': { request: UpdateImageRequest; response: UpdateImageResponse; kind: 'unary' };
  'Images.Delete': { request: DeleteImageRequest; response: Empty; kind: 'unary' };
  'Introspection.Plugins': { request: IntrospectionPluginsRequest; response: IntrospectionPluginsResponse; kind: 'unary' };
  'Introspection.Server': { request: EmptyInput; response: IntrospectionServerResponse; kind: 'unary' };
  'Leases.Create': { request: LeaseCreateRequest; response: LeaseCreateResponse; kind: 'unary' };
  'Leases.Delete': { request: LeaseDeleteRequest; response: Empty; kind: 'unary' };
  'Leases.List': { request: LeaseListRequest; response: LeaseListResponse; kind: 'unary' };
  'Leases.AddResource': { request: LeaseAddResourceRequest; response: Empty; kind: 'unary' };
  'Leases.DeleteResource': { request: LeaseDeleteResourceRequest; response: Empty; kind: 'unary' };
  'Leases.ListResources': { request: LeaseListResourcesRequest; response: LeaseListResourcesResponse; kind: 'unary' };
  'Namespaces.Get': { request: GetNamespaceRequest; response: GetNamespaceResponse; kind: 'unary' };
  'Namespaces.List': { request: ListNamespacesRequest; response: ListNamespacesResponse; kind: 'unary' };
  'Namespaces.Create': { request: CreateNamespaceRequest; response: CreateNamespaceResponse; kind: 'unary' };
  'Namespaces.Update': { request: UpdateNamespaceRequest; response: UpdateNamespaceResponse; kind: 'unary' };
  'Namespaces.Delete': { request: DeleteNamespaceRequest; response: Empty; kind: 'unary' };
  'Store.Create': { request: SandboxStoreCreateRequest; response: SandboxStoreCreateResponse; kind: 'unary' };
  'Store.Delete': { request: SandboxStoreDeleteRequest; response: SandboxStoreDeleteResponse; kind: 'unary' };
  'Store.List': { request: SandboxStoreListRequest; response: SandboxStoreListResponse; kind: 'unary' };
  'Store.Get': { request: SandboxStoreGetRequest; response: SandboxStoreGetResponse; kind: 'unary' };
  'Snapshots.Prepare': { request: PrepareSnapshotRequest; response: PrepareSnapshotResponse; kind: 'unary' };
  'Snapshots.View': { request: ViewSnapshotRequest; response: ViewSnapshotResponse; kind: 'unary' };
  'Snapshots.Mounts': { request: SnapshotMountsRequest; response: SnapshotMountsResponse; kind: 'unary' };
  'Snapshots.Commit': { request: CommitSnapshotRequest; response: Empty; kind: 'unary' };
  'Snapshots.Remove': { request: RemoveSnapshotRequest; response: Empty; kind: 'unary' };
  'Snapshots.Stat': { request: StatSnapshotRequest; response: StatSnapshotResponse; kind: 'unary' };
  'Snapshots.Update': { request: UpdateSnapshotRequest; response: UpdateSnapshotResponse; kind: 'unary' };
  'Snapshots.List': { request: ListSnapshotsRequest; response: ListSnapshotsResponse; kind: 'server-stream' };
  'Snapshots.Usage': { request: SnapshotUsageRequest; response: SnapshotUsageResponse; kind: 'unary' };
  'Tasks.Create': { request: CreateTaskRequest; response: CreateTaskResponse; kind: 'unary' };
  'Tasks.Start': { request: TaskStartRequest; response: TaskStartResponse; kind: 'unary' };
  'Tasks.Delete': { request: DeleteTaskRequest; response: TaskDeleteResponse; kind: 'unary' };
  'Tasks.Get': { request: TaskGetRequest; response: TaskGetResponse; kind: 'unary' };
  'Tasks.List': { request: ListTasksRequest; response: ListTasksResponse; kind: 'unary' };
  'Tasks.Kill': { request: TaskKillRequest; response: Empty; kind: 'unary' };
  'Tasks.Pause': { request: PauseTaskRequest; response: Empty; kind: 'unary' };
  'Tasks.Resume': { request: ResumeTaskRequest; response: Empty; kind: 'unary' };
  'Tasks.ListPids': { request: TaskListPidsRequest; response: TaskListPidsResponse; kind: 'unary' };
  'Tasks.Metrics': { request: TaskMetricsRequest; response: TaskMetricsResponse; kind: 'unary' };
  'Tasks.Wait': { request: TaskWaitRequest; response: TaskWaitResponse; kind: 'unary' };
  'Version.Version': { request: EmptyInput; response: VersionResponse; kind: 'unary' };
  'Health.Check': { request: HealthCheckRequest; response: HealthCheckResponse; kind: 'unary' };
}

export interface Payloads {
  'containerd.events.TaskStart': { input: TaskStartInput; output: TaskStart };
  'containerd.events.TaskExit': { input: TaskExitInput; output: TaskExit };
  'containerd.events.TaskDelete': { input: TaskDeleteInput; output: TaskDelete };
  'containerd.events.TaskOOM': { input: TaskOOMInput; output: TaskOOM };
  'containerd.runc.v1.Options': { input: RuncOptionsInput; output: RuncOptions };
  'io.containerd.cgroups.v1.Metrics': { input: CgroupV1MetricsInput; output: CgroupV1Metrics };
  'io.containerd.cgroups.v2.Metrics': { input: CgroupV2MetricsInput; output: CgroupV2Metrics };
  'runtimeoptions.v1.Options': { input: ShimOptionsInput; output: ShimOptions };
}
