import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { countProcesses, detectCgroups } from '../../../src/runtime/cgroups.ts';
import { type Box, openBox, removeAndRead, untilSaid } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

async function started(text: string) {
  const request = await box.script(text);
  const container = await box.runtime.create(request);
  await container.start();
  await untilSaid(request, 'ready');
  return { request, container };
}

const processesOf = async ({ cgroupParent, id }: { cgroupParent: string; id: string }): Promise<number> =>
  countProcesses(await detectCgroups(), `${cgroupParent}/${id}`);

describe('stopping', () => {
  it('lets a process that listens to SIGTERM say goodbye', async () => {
    const { request, container } = await started('trap "echo bye; exit 7" TERM; echo ready; sleep 1000 & wait');
    await container.stop(10_000);
    expect((await container.wait()).code).toBe(7);
    expect((await removeAndRead(container, request)).stdout).toBe('ready\nbye\n');
  });

  it('kills what ignores SIGTERM once the grace is over, with its 50 double-forked children', async () => {
    const children = 'i=0; while [ $i -lt 50 ]; do (setsid sleep 1000 &); i=$((i+1)); done';
    const { request, container } = await started(`trap "" TERM; ${children}; echo ready; while :; do sleep 1; done`);
    expect(await processesOf(request)).toBeGreaterThan(50);
    const begin = performance.now();
    await container.stop(500);
    expect(performance.now() - begin).toBeGreaterThan(450);
    expect(performance.now() - begin).toBeLessThan(3000);
    expect(await processesOf(request)).toBe(0);
    expect((await container.wait()).code).toBe(137);
    await container.remove();
  });

  it('kills at once when there is no grace', async () => {
    const { container } = await started('trap "" TERM; echo ready; while :; do sleep 1; done');
    const begin = performance.now();
    await container.stop(0);
    expect(performance.now() - begin).toBeLessThan(1000);
    await container.remove();
  });

  it('ends a container that was created and never started', async () => {
    const container = await box.runtime.create(await box.script('true'));
    await container.stop(10_000);
    expect(await container.status()).toBe('stopped');
    await container.remove();
  });

  it('is content with a container that has ended, or is gone', async () => {
    const container = await box.runtime.create(await box.script('true'));
    await container.start();
    await container.wait();
    await container.stop(0);
    await container.remove();
    await container.stop(0);
  });

  it('removes a running container with everything in it', async () => {
    const { request, container } = await started(
      'trap "" TERM; (setsid sleep 1000 &); echo ready; while :; do sleep 1; done',
    );
    await container.remove();
    expect(await processesOf(request)).toBe(0);
    expect(await box.runtime.open(request.id)).toBeUndefined();
  });
});

describe('waiting', () => {
  it('ends with the reason of the signal, and the container goes on', async () => {
    const { container } = await started('echo ready; sleep 1000');
    const reason = new Error('time is up');
    await expect(container.wait(AbortSignal.abort(reason))).rejects.toBe(reason);
    const later = new AbortController();
    const waiting = container.wait(later.signal);
    later.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await container.status()).toBe('running');
    await container.remove();
  });

  it('gives the same exit to all who wait, also afterwards', async () => {
    const container = await box.runtime.create(await box.script('exit 5'));
    const early = container.wait();
    await container.start();
    const [first, second] = await Promise.all([early, container.wait()]);
    expect(first).toEqual(second);
    expect(await container.wait()).toEqual({ code: 5, exitedAt: first.exitedAt });
    await container.remove();
  });
});
