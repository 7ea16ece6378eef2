import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container } from '../../../src/runtime/types.ts';
import { type PrivateContainerd, startContainerd } from '../../support/containerd.ts';
import { shimsOf } from '../../support/wreckage.ts';
import { type Box, openBox, removeAndRead, untilSaid } from './box.ts';

let containerd: PrivateContainerd;
let box: Box;
beforeAll(async () => {
  containerd = await startContainerd();
  box = await openBox(containerd);
});
afterAll(async () => {
  await box.close();
  await containerd.stop();
});

describe('a process that takes over', () => {
  it('finds a running container by its id, waits for it and removes it', async () => {
    const request = await box.script('echo ready; sleep 1; exit 9');
    await (await box.runtime.create(request)).start();
    await untilSaid(request, 'ready');
    const found = await box.anotherRuntime().open(request.id);
    expect(await found?.status()).toBe('running');
    expect(await found?.wait()).toMatchObject({ code: 9 });
    expect((await found?.usage())?.peakMemoryBytes).toBeGreaterThan(0);
    await found?.remove();
  });

  it('starts what was only created', async () => {
    const request = await box.script('echo started');
    await box.runtime.create(request);
    const found = await box.anotherRuntime().open(request.id);
    if (found === undefined) throw new Error('not found');
    expect(await found.status()).toBe('created');
    await found.start();
    expect((await found.wait()).code).toBe(0);
    expect((await removeAndRead(found, request)).stdout).toBe('started\n');
  });

  it('may start again what was started already', async () => {
    const request = await box.script('echo once; sleep 0.5');
    await (await box.runtime.create(request)).start();
    const found = await box.anotherRuntime().open(request.id);
    if (found === undefined) throw new Error('not found');
    await found.start();
    expect((await found.wait()).code).toBe(0);
    await found.start();
    expect((await removeAndRead(found, request)).stdout).toBe('once\n');
  });

  it('finds nothing under an id that has no task', async () => {
    expect(await box.anotherRuntime().open('e'.repeat(64))).toBeUndefined();
  });

  it('removes by id what a crash left half made', async () => {
    const request = await box.script('true');
    const { id } = request;
    await box.client.call('Snapshots.Prepare', { snapshotter: 'overlayfs', key: id, parent: request.image.chainId });
    await box.anotherRuntime().remove(id);
    const keys: string[] = [];
    for await (const { info } of box.client.stream('Snapshots.List', { snapshotter: 'overlayfs' })) {
      keys.push(...info.map(({ name }) => name));
    }
    expect(keys).not.toContain(id);
  });
});

describe('a process that is killed while it makes a container', () => {
  it.each([5, 15, 30, 45, 60])('leaves nothing that cannot be removed by id, after %d ms', async (ms) => {
    const request = await box.script('sleep 1000');
    const program = fileURLToPath(new URL('./creator.ts', import.meta.url));
    const argv = [program, containerd.address, box.client.namespace, containerd.runcRoot, JSON.stringify(request)];
    const creator = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(creator, 'exit');
    await once(creator.stdout, 'data');
    await delay(ms);
    creator.kill('SIGKILL');
    await exited;
    await box.anotherRuntime().remove(request.id);
    expect((await shimsOf(containerd.address)).filter(({ id }) => id === request.id)).toEqual([]);
    expect(await box.anotherRuntime().open(request.id)).toBeUndefined();
  });
});

describe('a daemon that is killed', () => {
  it('costs neither the container nor its exit, nor a byte of its output', async () => {
    const request = await box.script('i=0; while [ $i -lt 20 ]; do echo $i; sleep 0.1; i=$((i+1)); done; exit 4');
    const container = await box.runtime.create(request);
    await container.start();
    const exit = container.wait();
    await untilSaid(request, '3\n');
    await containerd.kill();
    await untilSaid(request, '8\n');
    await containerd.start();
    expect((await exit).code).toBe(4);
    const { stdout } = await removeAndRead(container, request);
    expect(stdout).toBe(Array.from({ length: 20 }, (_, n) => `${n}\n`).join(''));
  });

  it('still tells the exit of a container that ended meanwhile', async () => {
    const request = await box.script('echo ready; sleep 0.3; echo done; exit 6');
    const container = await box.runtime.create(request);
    await container.start();
    const exit = container.wait();
    await untilSaid(request, 'ready');
    await containerd.kill();
    await untilSaid(request, 'done');
    await containerd.start();
    expect((await exit).code).toBe(6);
    await container.remove();
  });
});

describe('a daemon that is away for a moment', () => {
  const whileAway = async (work: () => Promise<void>): Promise<void> => {
    await containerd.kill();
    const working = work();
    await delay(300);
    await containerd.start();
    await working;
  };

  it('is waited for by a start, which starts once', async () => {
    const request = await box.script('echo once');
    const container = await box.runtime.create(request);
    await whileAway(() => container.start());
    expect((await container.wait()).code).toBe(0);
    expect((await removeAndRead(container, request)).stdout).toBe('once\n');
  });

  it('is waited for by a stop and by a removal', async () => {
    const request = await box.script('trap "exit 8" TERM; echo ready; while :; do sleep 0.1; done');
    const container = await box.runtime.create(request);
    await container.start();
    await untilSaid(request, 'ready');
    await whileAway(() => container.stop(5_000));
    expect((await container.wait()).code).toBe(8);
    await whileAway(() => container.remove());
  });
});

describe('a daemon that is killed while a container is made', () => {
  it.each([0, 2, 5, 10, 20, 40, 70])('leaves nothing behind after %d ms', async (ms) => {
    const request = await box.script('exit 3');
    const creating = box.runtime.create(request).then(
      (container) => container,
      (error: unknown) => error,
    );
    await delay(ms);
    await containerd.kill();
    await containerd.start();
    const made = await creating;
    if (made instanceof Error) {
      expect(made).toMatchObject({ class: 'infrastructure' });
      expect(await box.runtime.open(request.id)).toBeUndefined();
    } else {
      const container = made as Container;
      await container.start();
      expect((await container.wait()).code).toBe(3);
      await container.remove();
    }
  });
});

describe('a shim that is killed', () => {
  it('makes the container lost, and leaves nothing behind', async () => {
    const request = await box.script('echo ready; sleep 1000');
    const container = await box.runtime.create(request);
    await container.start();
    await untilSaid(request, 'ready');
    const exit = container.wait();
    exit.catch(() => {});
    const shim = (await shimsOf(containerd.address)).find(({ id }) => id === request.id);
    if (shim === undefined) throw new Error('no shim');
    process.kill(shim.pid, 'SIGKILL');
    await expect(exit).rejects.toMatchObject({ class: 'infrastructure', reason: 'lost' });
    await container.remove();
    const states = await readdir(`${containerd.runcRoot}/${box.client.namespace}`).catch(() => []);
    expect(states).not.toContain(request.id);
  });
});
