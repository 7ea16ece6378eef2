import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isNotFound } from '../../../src/containerd/errors.ts';
import { type ContainerdVersion, probe } from '../../../src/containerd/version.ts';
import type { Container } from '../../../src/runtime/types.ts';
import { type PrivateContainerd, startContainerd } from '../../support/containerd.ts';
import { type Box, openBox, untilSaid } from './box.ts';

let containerd: PrivateContainerd;
let box: Box;
let features: ContainerdVersion['features'];
beforeAll(async () => {
  containerd = await startContainerd();
  box = await openBox(containerd);
  ({ features } = await probe(box.client));
});
afterAll(async () => {
  await box.close();
  await containerd.stop();
});

const hasRecord = (id: string): Promise<boolean> =>
  box.client.call('Store.Get', { sandboxId: id }).then(
    () => true,
    (error: unknown) => !isNotFound(error) && Promise.reject(error),
  );

/** The container has ended while the daemon was away; answers what somebody who comes later finds. */
async function endedWhileDown(before: (id: string) => Promise<void> = async () => {}): Promise<Container | undefined> {
  const request = await box.script('echo ready; sleep 0.5; echo done; exit 6');
  const container = await box.runtime.create(request);
  await container.start();
  await untilSaid(request, 'ready');
  await before(request.id);
  await containerd.kill();
  await untilSaid(request, 'done');
  await containerd.start();
  return await box.anotherRuntime().open(request.id);
}

describe('the exit of a container that ended while the daemon was down', () => {
  it('is known to whoever comes later', async () => {
    const container = await endedWhileDown();
    expect(await container?.status()).toBe('stopped');
    expect((await container?.wait())?.code).toBe(6);
    await container?.remove();
  });

  it('is known to many at once', async () => {
    const requests = await Promise.all(Array.from({ length: 5 }, (_, n) => box.script(`sleep 0.3; exit ${n + 1}`)));
    const containers = await Promise.all(requests.map((request) => box.runtime.create(request)));
    await Promise.all(containers.map((container) => container.start()));
    const exits = Promise.all(containers.map((container) => container.wait()));
    await containerd.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await containerd.start();
    expect((await exits).map(({ code }) => code)).toEqual([1, 2, 3, 4, 5]);
    await Promise.all(containers.map((container) => container.remove()));
  });

  // Measured on 1.6.20, 1.7.24 and 2.x; should a daemon stop to forget, the record is needed no more.
  it('is forgotten by 1.7 and later without a sandbox record, and by 1.6 never', async () => {
    let id = '';
    const container = await endedWhileDown(async (own) => {
      id = own;
      if (features.hasSandboxStore) await box.client.call('Store.Delete', { sandboxId: own });
    });
    expect(container === undefined).toBe(features.forgetsExitsWhileDown);
    if (container !== undefined) expect((await container.wait()).code).toBe(6);
    await box.runtime.remove(id);
  });
});

describe('the sandbox record', () => {
  it('is there from before the task until the container is removed, where the daemon has such records', async () => {
    const request = await box.script('true');
    const container = await box.runtime.create(request);
    if (features.hasSandboxStore) {
      const { sandbox } = await box.client.call('Store.Get', { sandboxId: request.id });
      expect(sandbox?.labels).toEqual(request.labels);
    }
    await container.remove();
    if (features.hasSandboxStore) expect(await hasRecord(request.id)).toBe(false);
  });

  it('goes with a container of which nothing else was made', async () => {
    const request = await box.script('true', { mounts: [{ source: '/no/such/source', destination: '/data' }] });
    await expect(box.runtime.create(request)).rejects.toThrow('Tasks.Create');
    if (features.hasSandboxStore) expect(await hasRecord(request.id)).toBe(false);
  });
});
