import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { detectCgroups, makeCgroup } from '../../../src/runtime/cgroups.ts';
import { countTransfers } from '../../../src/runtime/io-accounting.ts';
import { parseHardLimits } from '../../../src/runtime/rlimits.ts';
import type { ContainerRequest } from '../../../src/runtime/types.ts';
import { type Box, openBox, removeAndRead } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

const mebibyte = 1024 * 1024;
const cgroups = await detectCgroups();

/** What files of the container's cgroup say, in whichever hierarchy they are. */
async function cgroupFiles({ cgroupParent, id }: ContainerRequest, ...names: readonly string[]): Promise<string[]> {
  const read = async (name: string): Promise<string> => {
    const tries = cgroups.roots.map((root) => readFile(join(root, cgroupParent, id, name), 'utf8'));
    return (await Promise.any(tries)).trim();
  };
  return await Promise.all(names.map(read));
}

async function usageAfter(text: string, change: Parameters<Box['script']>[1] = {}) {
  return await usageOf(await box.script(text, change));
}

async function usageOf(request: ContainerRequest) {
  const container = await box.runtime.create(request);
  await container.start();
  const { code } = await container.wait();
  const usage = await container.usage();
  return { code, usage, ...(await removeAndRead(container, request)) };
}

describe('the memory limit', () => {
  const limits = { memoryBytes: 32 * mebibyte, memorySwapBytes: 32 * mebibyte };
  const hog = 'dd if=/dev/zero of=/dev/null bs=200M count=1';

  it('kills a hog, and the kill is counted', async () => {
    const { code, usage } = await usageAfter(`exec ${hog}`, { limits });
    expect(code).toBe(137);
    expect(usage.oomKills).toBe(1);
    expect(usage.peakMemoryBytes).toBeGreaterThan(24 * mebibyte);
    expect(usage.peakMemoryBytes).toBeLessThanOrEqual(32 * mebibyte);
  });

  it('counts the kill of a child although the container ends with 0', async () => {
    const { code, usage } = await usageAfter(`${hog}; exit 0`, { limits });
    expect({ code, oomKills: usage.oomKills }).toEqual({ code: 0, oomKills: 1 });
  });

  it('takes children that a hog has started with it', async () => {
    const { code, stdout, usage } = await usageAfter(`(sleep 1000 &); echo begun; exec ${hog}`, { limits });
    expect({ code, stdout, oomKills: usage.oomKills }).toEqual({ code: 137, stdout: 'begun\n', oomKills: 1 });
  });

  it('counts what is written to /dev/shm', async () => {
    const fill = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60';
    const { code, usage } = await usageAfter(`exec ${fill}`, { limits: { ...limits, shmBytes: 64 * mebibyte } });
    expect(code).not.toBe(0);
    expect(usage.oomKills).toBeGreaterThan(0);
  });

  it.skipIf(!cgroups.swapAccounting).each([
    ['no swap when both limits are equal', { memorySwapBytes: 32 * mebibyte }, 32],
    ['as much swap as memory by default, as Docker', {}, 64],
  ])('allows %s', async (_, swap, mebibytes) => {
    const request = await box.script('sleep 1000', { limits: { memoryBytes: 32 * mebibyte, ...swap } });
    const container = await box.runtime.create(request);
    const [most, withSwap] =
      cgroups.version === 'v1'
        ? await cgroupFiles(request, 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes')
        : await cgroupFiles(request, 'memory.max', 'memory.swap.max');
    await container.stop(0);
    await container.remove();
    expect(Number(most)).toBe(32 * mebibyte);
    expect(Number(withSwap) + (cgroups.version === 'v1' ? 0 : Number(most))).toBe(mebibytes * mebibyte);
  });

  it('counts nothing for a process that kills itself', async () => {
    const { code, usage } = await usageAfter('sh -c "kill -9 \\$\\$"; exit 137', { limits });
    expect({ code, oomKills: usage.oomKills }).toEqual({ code: 137, oomKills: 0 });
  });
});

it('tells peak memory and processor time', async () => {
  const { usage } = await usageAfter('dd if=/dev/zero of=/dev/null bs=20M count=200 2>/dev/null');
  expect(usage.oomKills).toBe(0);
  expect(usage.peakMemoryBytes).toBeGreaterThan(20 * mebibyte);
  expect(usage.cpuSeconds).toBeGreaterThan(0.05);
});

it('stops a fork bomb at the limit of processes', async () => {
  const bomb = 'i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done; echo unreached';
  const { code, stdout, stderr, usage } = await usageAfter(bomb, { limits: { pids: 20 } });
  expect({ code: code !== 0, stdout }).toEqual({ code: true, stdout: '' });
  expect(stderr).toContain('fork');
  expect(usage.pidsLimitHits).toBeGreaterThan(0);
  if (usage.peakPids !== undefined) expect(usage.peakPids).toBe(20);
});

it('counts no hit of a limit that was not met', async () => {
  const { usage } = await usageAfter('true', { limits: { pids: 20 } });
  expect(usage.pidsLimitHits).toBe(0);
});

it('lowers resource limits for the process, and never raises one above what is inherited', async () => {
  const ulimits = { nofile: 64, fsize: 4096, stack: 1e12, core: 1e15 };
  const text = 'ulimit -Sn; ulimit -Hn; cat /proc/self/limits; exec dd if=/dev/zero of=/dev/shm/x bs=8192 count=1';
  const { code, stdout } = await usageAfter(text, { limits: { ulimits } });
  const own = parseHardLimits(await readFile('/proc/self/limits', 'utf8'));
  expect(stdout).toMatch(/^64\n64\n/);
  expect(parseHardLimits(stdout)).toMatchObject({ nofile: 64, fsize: 4096, stack: Math.min(1e12, own.stack ?? 1e12) });
  // SIGXFSZ, or a short write for whoever ignores it.
  expect(code).not.toBe(0);
});

it('shows /dev/shm in the size of its limit, and refuses what is beyond', async () => {
  const text = 'busybox df -k /dev/shm | busybox tail -n 1; dd if=/dev/zero of=/dev/shm/x bs=1M count=6';
  const { code, stdout, stderr } = await usageAfter(text, { limits: { shmBytes: 4 * mebibyte } });
  expect(stdout).toMatch(/^shm +4096 /);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('No space left') });
});

it('shows the container its own limits where programs look for them', async () => {
  const files =
    cgroups.version === 'v1'
      ? 'memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max'
      : 'memory.max cpu.max pids.max';
  const text = `cd /sys/fs/cgroup; cat ${files}`;
  const limits = { memoryBytes: 48 * mebibyte, cpus: 1.5, pids: 33 };
  const { stdout } = await usageAfter(text, { limits });
  expect(stdout.split('\n').map((line) => Number.parseInt(line, 10))).toEqual([48 * mebibyte, 150_000, 33, Number.NaN]);
});

it('counts what goes to a disk and comes from it, once it was asked to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-io-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const request = await box.script('dd if=/dev/zero of=/io/x bs=1M count=8 conv=fsync', {
    user: { uid: 0, gid: 0 },
    mounts: [{ source: folder, destination: '/io' }],
  });
  await makeCgroup(cgroups, request.cgroupParent);
  await countTransfers(cgroups, request.cgroupParent, folder);
  const { usage } = await usageOf(request);
  expect(usage.writtenBytes).toBeGreaterThanOrEqual(8 * mebibyte);
  expect(usage.writtenBytes).toBeLessThan(16 * mebibyte);

  const idle = await box.script('true');
  expect(await usageOf(idle)).toMatchObject({ usage: { readBytes: 0, writtenBytes: 0 } });
});

it('has nothing to count on a file system without a disk, and says nothing', async () => {
  await countTransfers(cgroups, '/componentd-test/none', '/dev/shm');
  await countTransfers(cgroups, '/componentd-test/none', tmpdir());
});

it('gives a fraction of a core to a container that wants all', async () => {
  const spin = 'end=$(($(cut -d. -f1 /proc/uptime)+3)); while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do :; done';
  const { usage } = await usageAfter(spin.replaceAll('cut', 'busybox cut'), { limits: { cpus: 0.25 } });
  expect(usage.cpuSeconds).toBeGreaterThan(0.2);
  expect(usage.cpuSeconds).toBeLessThan(1.2);
  expect(usage.throttledSeconds).toBeGreaterThan(0.1);
});
