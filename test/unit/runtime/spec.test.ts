import { describe, expect, it } from 'vitest';
import { ApplicationError, UserError } from '../../../src/base/errors.ts';
import { environmentLimits } from '../../../src/runtime/process.ts';
import { runtimeSpec } from '../../../src/runtime/spec.ts';
import { hostV1, hostV2, id, request } from './request.ts';

const root = { uid: 0, gid: 0, additionalGids: [0, 10] };
const component = { uid: 1000, gid: 1000, additionalGids: [] };

describe('the runtime spec as a whole', () => {
  it('is Docker like for root on cgroup v1', async () => {
    const spec = runtimeSpec(request({ user: 'image' }), root, hostV1);
    await expect(golden(spec)).toMatchFileSnapshot('golden/v1-root.golden');
  });

  it('leaves user 1000 the bounding set only, and adds a cgroup namespace on v2', async () => {
    const spec = runtimeSpec(request(), component, hostV2);
    await expect(golden(spec)).toMatchFileSnapshot('golden/v2-user.golden');
  });

  it('carries every limit there is on v2', async () => {
    const limits = {
      memoryBytes: 256 * 2 ** 20,
      memorySwapBytes: 256 * 2 ** 20,
      cpus: 0.5,
      pids: 512,
      shmBytes: 2 ** 20,
      ulimits: { nofile: 4096, stack: 2 ** 23, fsize: 2 ** 30 },
      killsAsGroup: true,
    };
    const sysctls = { 'net.ipv4.tcp_keepalive_time': '60' };
    const { process, mounts, linux } = runtimeSpec(request({ limits, sysctls }), component, hostV2);
    const { devices: _, ...resources } = linux.resources;
    const shm = mounts.find(({ destination }) => destination === '/dev/shm');
    await expect(
      `${JSON.stringify({ rlimits: process.rlimits, shm, resources, sysctl: linux.sysctl }, null, 2)}\n`,
    ).toMatchFileSnapshot('golden/v2-limits.golden');
  });

  it('grants nothing when hardened', async () => {
    const spec = runtimeSpec(request({ policy: 'hardened' }), component, hostV2);
    await expect(golden(spec)).toMatchFileSnapshot('golden/v2-hardened.golden');
  });
});

describe('the process', () => {
  const processOf = (over: Parameters<typeof request>[0] = {}) => runtimeSpec(request(over), component, hostV1).process;
  const withConfig = (over: object) => ({
    image: { ...request().image, config: { ...request().image.config, ...over } },
  });

  it('runs entrypoint and command in one line', () => {
    expect(processOf().args).toEqual(['/bin/run', '--all']);
    expect(processOf(withConfig({ entrypoint: [] })).args).toEqual(['--all']);
  });

  it('has the home that is known of its user, unless the image or the job says another', () => {
    const homeOf = (over: object, home?: string) => {
      const { env } = runtimeSpec(request(over), { ...component, ...(home && { home }) }, hostV1).process;
      return env.filter((entry) => entry.startsWith('HOME='));
    };
    expect(homeOf({})).toEqual([]);
    expect(homeOf({}, '/home/a')).toEqual(['HOME=/home/a']);
    expect(homeOf(withConfig({ env: ['HOME=/image'] }), '/home/a')).toEqual(['HOME=/image']);
    expect(homeOf({ env: { HOME: '/job' } }, '/home/a')).toEqual(['HOME=/job']);
  });

  it('refuses an image without a command, as a mistake of its author', () => {
    const attempt = () => processOf(withConfig({ entrypoint: [], cmd: [] }));
    expect(attempt).toThrow(ApplicationError);
    expect(attempt).toThrow(expect.objectContaining({ reason: 'entrypoint' }));
  });

  it('lets the request win over the image, and the image over the defaults', () => {
    const { env } = processOf(withConfig({ env: ['PATH=/opt/bin', 'MODE=image', 'EQUALS=a=b=c', 'EMPTY=', 'BARE'] }));
    expect(env).toEqual(['PATH=/opt/bin', 'HOSTNAME=abababababab', 'MODE=ours', 'EQUALS=a=b=c', 'EMPTY=']);
  });

  it('gives Docker’s PATH to an image that has none', () => {
    expect(processOf(withConfig({ env: [] })).env[0]).toBe(
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    );
  });

  it.each([
    ['a NUL byte', { A: 'x\0y' }],
    ['a name with an equals sign', { 'A=B': 'x' }],
    ['an empty name', { '': 'x' }],
    ['too many bytes', { A: 'x'.repeat(environmentLimits.bytes) }],
    [
      'too many variables',
      Object.fromEntries(Array.from({ length: environmentLimits.entries + 1 }, (_, n) => [`V${n}`, ''])),
    ],
  ])('refuses an environment with %s', (_, env) => {
    expect(() => processOf({ env })).toThrow(UserError);
  });

  it.each([
    '/proc/self/fd/7',
    '//proc/self/fd/7',
    '/./proc',
    '/sys',
    '/dev/fd/3',
    'relative',
    '',
    '/a/../../b',
    '/a\0b',
  ])('refuses the working directory %j', (workingDir) => {
    expect(() => processOf(withConfig({ workingDir }))).toThrow(expect.objectContaining({ reason: 'image' }));
  });

  it.each(['/', '/code', '/data/', '/process', '/home/proc'])('accepts the working directory %j', (workingDir) => {
    expect(processOf(withConfig({ workingDir })).cwd).toBe(workingDir);
  });

  it.each([
    ['Docker’s open files and no core file', {}, {}, { NOFILE: 1048576, CORE: 0 }],
    ['never more open files than the host’s', {}, { nofile: 4096 }, { NOFILE: 4096, CORE: 0 }],
    ['what was asked for', { nofile: 64, fsize: 1e9 }, {}, { NOFILE: 64, CORE: 0, FSIZE: 1e9 }],
    [
      'never more than the host’s of that',
      { core: 1e9, stack: 99 },
      { core: 7 },
      { NOFILE: 1048576, CORE: 7, STACK: 99 },
    ],
  ])('limits its resources: %s', (_, ulimits, hardLimits, limits) => {
    const spec = runtimeSpec(request({ limits: { memoryBytes: 1, ulimits } }), component, { ...hostV1, hardLimits });
    expect(spec.process.rlimits).toEqual(
      Object.entries(limits).map(([name, limit]) => ({ type: `RLIMIT_${name}`, soft: limit, hard: limit })),
    );
  });
});

describe('the resources', () => {
  const resourcesOf = (limits: object, swapAccounting = true, version: 'v1' | 'v2' = 'v1') =>
    runtimeSpec(request({ limits: { memoryBytes: 1000, ...limits } }), component, {
      ...hostV1,
      cgroups: { version, swapAccounting },
    }).linux.resources;

  it.each([
    ['twice the memory by default', {}, 2000],
    ['none when equal to the memory', { memorySwapBytes: 1000 }, 1000],
    ['never less than the memory', { memorySwapBytes: 10 }, 1000],
  ])('limits memory and swap: %s', (_, limits, swap) => {
    expect(resourcesOf(limits).memory).toEqual({ limit: 1000, swap });
  });

  it('sets no swap limit where the kernel does not count swap', () => {
    expect(resourcesOf({}, false).memory).toEqual({ limit: 1000 });
  });

  it.each([
    [0.25, 25_000],
    [1 / 3, 33_333],
    [96, 9_600_000],
    [0.000001, 1_000],
  ])('turns %d cores into a quota of %d µs', (cpus, quota) => {
    expect(resourcesOf({ cpus }).cpu).toEqual({ quota, period: 100_000 });
  });

  it('kills a container as a whole only on cgroup v2, where the kernel can', () => {
    expect(resourcesOf({ killsAsGroup: true })).not.toHaveProperty('unified');
    expect(resourcesOf({ killsAsGroup: true }, true, 'v2').unified).toEqual({ 'memory.oom.group': '1' });
    expect(resourcesOf({}, true, 'v2')).not.toHaveProperty('unified');
  });

  it('leaves out what is not limited', () => {
    expect(resourcesOf({})).not.toHaveProperty('cpu');
    expect(resourcesOf({})).not.toHaveProperty('pids');
  });
});

describe('the mounts', () => {
  it('sizes /dev/shm and keeps the order of bind mounts', () => {
    const { mounts } = runtimeSpec(
      request({
        limits: { memoryBytes: 1, shmBytes: 4096 },
        mounts: [
          { source: '/a', destination: '/data' },
          { source: '/b', destination: '/data/in', readonly: true },
        ],
      }),
      component,
      hostV1,
    );
    expect(mounts.find(({ destination }) => destination === '/dev/shm')?.options).toContain('size=4096');
    expect(mounts.slice(-2).map(({ source, options }) => [source, options.join()])).toEqual([
      ['/a', 'rbind,rprivate,rw'],
      ['/b', 'rbind,rprivate,ro'],
    ]);
  });
});

it('names the cgroup after the container, below the parent', () => {
  expect(runtimeSpec(request(), component, hostV1).linux.cgroupsPath).toBe(`/componentd/default/job/${id}`);
});

/** The base list of system calls has its own test. */
function golden(spec: ReturnType<typeof runtimeSpec>): string {
  const { seccomp, ...linux } = spec.linux;
  return `${JSON.stringify({ ...spec, linux: { ...linux, seccomp: { ...seccomp, syscalls: seccomp.syscalls.length } } }, null, 2)}\n`;
}
