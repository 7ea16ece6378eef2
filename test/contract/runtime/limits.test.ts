import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Box, openBox, removeAndRead } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

const mebibyte = 1024 * 1024;

async function usageAfter(text: string, change: Parameters<Box['script']>[1] = {}) {
  const request = await box.script(text, change);
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
  const { code, stdout, stderr } = await usageAfter(bomb, { limits: { pids: 20 } });
  expect({ code: code !== 0, stdout }).toEqual({ code: true, stdout: '' });
  expect(stderr).toContain('fork');
});

it('gives a fraction of a core to a container that wants all', async () => {
  const spin = 'end=$(($(cut -d. -f1 /proc/uptime)+3)); while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do :; done';
  const { usage } = await usageAfter(spin.replaceAll('cut', 'busybox cut'), { limits: { cpus: 0.25 } });
  expect(usage.cpuSeconds).toBeGreaterThan(0.2);
  expect(usage.cpuSeconds).toBeLessThan(1.2);
});
