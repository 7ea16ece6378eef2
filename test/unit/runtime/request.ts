import type { Host } from '../../../src/runtime/spec.ts';
import type { ContainerRequest } from '../../../src/runtime/types.ts';

export const id = 'ab'.repeat(32);

/** A request as a job would make it; `over` replaces what a test is about. */
export function request(over: Partial<ContainerRequest> = {}): ContainerRequest {
  return {
    id,
    image: {
      name: 'docker.io/library/demo:1',
      digest: `sha256:${'1'.repeat(64)}`,
      configDigest: `sha256:${'2'.repeat(64)}`,
      chainId: `sha256:${'3'.repeat(64)}`,
      snapshotter: 'overlayfs',
      config: {
        entrypoint: ['/bin/run'],
        cmd: ['--all'],
        env: ['LANG=C.UTF-8', 'MODE=image'],
        workingDir: '/work',
        user: '',
        stopSignal: 'SIGTERM',
      },
    },
    labels: { 'example/owner': 'test' },
    cgroupParent: '/componentd/default/job',
    env: { MODE: 'ours' },
    mounts: [{ source: '/srv/data', destination: '/data' }],
    user: { uid: 1000, gid: 1000 },
    hostname: 'abababababab',
    network: 'none',
    sysctls: {},
    limits: { memoryBytes: 256 * 1024 * 1024, cpus: 1.5, pids: 512 },
    policy: 'compatible',
    logs: { stdout: '/srv/logs/stdout', stderr: '/srv/logs/stderr' },
    ...over,
  };
}

export const hostV1: Host = {
  cgroups: { version: 'v1', swapAccounting: true },
  hardLimits: { nofile: 20_000 },
  arch: 'x64',
};

export const hostV2: Host = {
  cgroups: { version: 'v2', swapAccounting: true },
  hardLimits: {},
  arch: 'x64',
};
