import type { ResolvedUser } from '../image/user.ts';
import { notNeededWithin } from './capabilities.ts';
import { type Cgroups, cgroupsPath } from './cgroups.ts';
import { maskedPaths, mountsOf, readonlyPaths } from './mounts.ts';
import { processSpec } from './process.ts';
import { resourcesOf } from './resources.ts';
import type { HardLimits } from './rlimits.ts';
import { seccompProfile } from './seccomp.ts';
import type { ContainerRequest, UserNamespace } from './types.ts';

/** What the spec depends on besides the request; read once per process. */
export interface Host {
  readonly cgroups: Pick<Cgroups, 'version' | 'swapAccounting'>;
  readonly hardLimits: HardLimits;
  readonly arch: NodeJS.Architecture;
  /** Path of the namespace to join; one of its own, with nothing but a loopback interface, when absent. */
  readonly networkNamespace?: string;
}

/** An OCI runtime spec (runtime-spec 1.0.2, config.md and config-linux.md), as far as it is ours. */
export type RuntimeSpec = ReturnType<typeof runtimeSpec>;

/**
 * The OCI runtime spec of a container, with Docker's defaults. Pure.
 * @throws ApplicationError when the image cannot be run as it is: no command, an unsafe working directory; UserError for an oversized environment.
 */
export function runtimeSpec(request: ContainerRequest, user: ResolvedUser, host: Host) {
  const process = processSpec(request, user, host.hardLimits);
  const { userNamespace } = request;
  const own = ['pid', 'ipc', 'uts', 'mount', ...(userNamespace === undefined ? [] : ['user'])];
  const namespaces = own.map((type) => ({ type }));
  const network = { type: 'network', ...(host.networkNamespace !== undefined && { path: host.networkNamespace }) };
  return {
    ociVersion: '1.0.2',
    process,
    root: { path: 'rootfs', readonly: false },
    hostname: request.hostname,
    mounts: mountsOf(request),
    linux: {
      namespaces: [...namespaces, network, ...(host.cgroups.version === 'v2' ? [{ type: 'cgroup' }] : [])],
      ...(userNamespace && idMappings(userNamespace)),
      cgroupsPath: cgroupsPath(request.cgroupParent, request.id),
      resources: resourcesOf(request.limits, host.cgroups),
      sysctl: { ...(request.policy === 'compatible' && !userNamespace && dockerSysctls), ...request.sysctls },
      seccomp: seccompProfile({
        capabilities: process.capabilities.bounding,
        arch: host.arch,
        compat32: request.policy === 'compatible',
        ...(userNamespace && { denied: notNeededWithin }),
      }),
      maskedPaths,
      readonlyPaths,
    },
  };
}

function idMappings({ hostId, size }: UserNamespace) {
  const mapping = [{ containerID: 0, hostID: hostId, size }];
  return { uidMappings: mapping, gidMappings: mapping };
}

/** Harmless in a network namespace of one's own; Docker sets them since 20.10. */
const dockerSysctls = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' };
