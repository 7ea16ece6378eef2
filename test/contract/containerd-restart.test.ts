import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Containerd, connectContainerd } from '../../src/containerd/client.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { removeSleeper, removeSleeperCgroup, sleeperCgroup, startSleeper } from '../support/sleeper.ts';
import { cgroupsBelow, mountsBelow, shimsOf } from '../support/wreckage.ts';

let daemon: PrivateContainerd;
let containerd: Containerd;

beforeAll(async () => {
  daemon = await startContainerd();
  containerd = connectContainerd({ address: daemon.address, namespace: 'restart' });
});

afterAll(async () => {
  containerd.close();
  await daemon.stop();
});

test('what is asked of a restarting daemon waits for it, a change too', async () => {
  await containerd.call('Version.Version', {});
  await killNoticed();
  const read = containerd.call('Version.Version', {});
  const change = containerd.call('Namespaces.Create', { namespace: { name: 'made-after-the-restart' } });
  const list = containerd.stream('Content.List', {})[Symbol.asyncIterator]().next();
  await daemon.start();
  expect((await read).version).not.toBe('');
  expect((await change).namespace?.name).toBe('made-after-the-restart');
  expect((await list).done).toBe(true);
  await containerd.call('Namespaces.Delete', { name: 'made-after-the-restart' });
});

test('a call gives up after its deadline, or with its signal, when no daemon comes back', async () => {
  await containerd.call('Version.Version', {});
  await killNoticed();
  const started = Date.now();
  const refused = { code: 'UNAVAILABLE', message: expect.stringContaining(daemon.address) };
  await Promise.all([
    expect(containerd.call('Version.Version', {}, { deadlineMs: 400 })).rejects.toMatchObject(refused),
    expect(
      containerd.call('Namespaces.Create', { namespace: { name: 'never' } }, { deadlineMs: 400 }),
    ).rejects.toMatchObject(refused),
  ]);
  expect(Date.now() - started).toBeGreaterThanOrEqual(350);
  expect(Date.now() - started).toBeLessThan(3_000);
  const signal = AbortSignal.timeout(50);
  await expect(containerd.call('Version.Version', {}, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  await daemon.start();
});

test('a wait that the crash of the daemon ends can be repeated, and the container has lived on', async () => {
  await startSleeper(containerd, { id: 's', runcRoot: daemon.runcRoot });
  const { process: before } = await containerd.call('Tasks.Get', { containerId: 's' });
  const wait = containerd.call('Tasks.Wait', { containerId: 's' }, { deadlineMs: 0 });
  const listening = containerd.stream('Events.Subscribe', {})[Symbol.asyncIterator]().next();
  await Promise.all([
    expect(wait).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining(daemon.address) }),
    expect(listening).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
    daemon.kill(),
  ]);
  await daemon.start();
  const { process: after } = await containerd.call('Tasks.Get', { containerId: 's' });
  expect(after).toMatchObject({ pid: before?.pid, status: 'RUNNING' });
  const again = containerd.call('Tasks.Wait', { containerId: 's' }, { deadlineMs: 0 });
  await removeSleeper(containerd, 's');
  expect((await again).exitStatus).toBe(137);
  await expectNothingLeft({ address: daemon.address, namespace: 'restart', cgroupPrefix: sleeperCgroup });
});

test('a daemon that hangs is given up at the deadline, by calls, streams, and writers whose data it does not take', async () => {
  await containerd.call('Version.Version', {});
  process.kill(daemon.pid, 'SIGSTOP');
  try {
    const late = { code: 'DEADLINE_EXCEEDED', message: expect.stringContaining(daemon.address) };
    const writer = containerd.duplex('Content.Write', { deadlineMs: 300 });
    const flood = async (): Promise<void> => {
      for (;;) await writer.write({ action: 'WRITE', ref: 'r', data: Buffer.alloc(1 << 20) });
    };
    await Promise.all([
      expect(containerd.call('Version.Version', {}, { deadlineMs: 300 })).rejects.toMatchObject(late),
      expect(
        containerd.stream('Content.List', {}, { deadlineMs: 300 })[Symbol.asyncIterator]().next(),
      ).rejects.toMatchObject(late),
      expect(flood()).rejects.toMatchObject(late),
    ]);
  } finally {
    process.kill(daemon.pid, 'SIGCONT');
  }
  const { statuses } = await containerd.call('Content.ListStatuses', {});
  for (const { ref } of statuses) await containerd.call('Content.Abort', { ref });
});

test('nobody at the socket is an error that names it and the way out, at once', async () => {
  const nobody = connectContainerd({ address: join(tmpdir(), 'componentd-test-nobody.sock'), namespace: 'n' });
  await expect(nobody.call('Version.Version', {})).rejects.toMatchObject({
    class: 'infrastructure',
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/componentd-test-nobody\.sock.*--address/),
  });
  nobody.close();
});

test('stopping a private daemon ends the containers that still run under it', async () => {
  await using other = await startContainerd();
  const client = connectContainerd({ address: other.address, namespace: 'left' });
  await startSleeper(client, { id: 'left', runcRoot: other.runcRoot });
  client.close();
  expect(await shimsOf(other.address)).toHaveLength(1);
  await other.stop();
  expect(await shimsOf(other.address)).toEqual([]);
  expect(await mountsBelow(other.directory)).toEqual([]);
  expect(await cgroupsBelow(sleeperCgroup)).toEqual([]);
  await removeSleeperCgroup();
});

/** Kills the daemon and waits until the client knows. */
async function killNoticed(): Promise<void> {
  const listening = containerd.stream('Events.Subscribe', {})[Symbol.asyncIterator]().next();
  await Promise.all([expect(listening).rejects.toMatchObject({ code: 'UNAVAILABLE' }), daemon.kill()]);
}
