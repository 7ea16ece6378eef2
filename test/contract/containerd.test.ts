import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { anyOfJson, specType } from '../../src/containerd/any.ts';
import { type Containerd, connectContainerd } from '../../src/containerd/client.ts';
import { createLease, deleteLease } from '../../src/containerd/lease.ts';
import { ensureNamespace } from '../../src/containerd/namespace.ts';
import { deleteSandbox } from '../../src/containerd/sandbox.ts';
import { probe } from '../../src/containerd/version.ts';
import { digestOf, drain, readBlob, writeBlob } from '../support/content.ts';
import { expectNothingLeft, leftovers } from '../support/nothing-left.ts';
import { removeSleeper, sleeperCgroup, startSleeper } from '../support/sleeper.ts';

const address = inject('containerdAddress');
const runcRoot = inject('runcRoot');
let containerd: Containerd;
let namespace: string;

beforeEach(() => {
  namespace = `wire-${randomUUID()}`;
  containerd = connectContainerd({ address, namespace });
});

afterEach(async () => {
  await expectNothingLeft({ address, namespace, cgroupPrefix: sleeperCgroup });
  containerd.close();
});

test('the daemon tells a version that we know how to read', async () => {
  const { major, minor, text, features } = await probe(containerd);
  expect(text).toMatch(new RegExp(`^v?${major}\\.${minor}\\.`));
  expect([1, 2]).toContain(major);
  const list = containerd.call('Store.List', {});
  if (features.hasSandboxStore) await expect(list).resolves.toEqual({ list: [] });
  else await expect(list).rejects.toMatchObject({ code: 'UNIMPLEMENTED', method: 'Store.List' });
});

test('a sandbox record that is gone is no error to who deletes it', async (context) => {
  const { features } = await probe(containerd);
  context.skip(!features.hasSandboxStore, 'containerd 1.6 has no sandbox store');
  await deleteSandbox(containerd, 'nobody', features);
  const sandbox = { sandboxId: 's', runtime: { name: 'io.containerd.runc.v2' }, spec: anyOfJson(specType, {}) };
  await containerd.call('Store.Create', { sandbox });
  await deleteSandbox(containerd, 's', features);
  await deleteSandbox(containerd, 's', features);
  await deleteSandbox(containerd, 'nobody', features);
  expect(await containerd.call('Store.List', {})).toEqual({ list: [] });
});

describe('namespaces', () => {
  test('are made once, gain labels and keep those of others', async () => {
    await ensureNamespace(containerd, { ours: 'a' });
    await containerd.call('Namespaces.Update', {
      namespace: { name: namespace, labels: { theirs: 'b' } },
      updateMask: { paths: ['labels.theirs'] },
    });
    await ensureNamespace(containerd, { ours: 'c' });
    const { namespace: found } = await containerd.call('Namespaces.Get', { name: namespace });
    expect(found?.labels).toEqual({ ours: 'c', theirs: 'b' });
    await containerd.call('Namespaces.Delete', { name: namespace });
  });

  test('do not see each other over one connection', async () => {
    const other = containerd.withNamespace(`${namespace}-other`);
    const digest = await writeBlob(containerd, randomBytes(10));
    expect((await drain(other.stream('Content.List', {}))).flatMap(({ info }) => info)).toEqual([]);
    expect((await drain(containerd.stream('Content.List', {}))).flatMap(({ info }) => info)).toMatchObject([
      { digest, size: 10 },
    ]);
  });
});

describe('leases', () => {
  test('keep content until they are deleted, and both steps can be repeated', async () => {
    await createLease(containerd, { id: 'l', labels: { job: '7' }, expiresInSeconds: 3600 });
    await createLease(containerd, { id: 'l', expiresInSeconds: 1 });
    const { leases } = await containerd.call('Leases.List', {});
    const expire = Date.parse(leases[0]?.labels['containerd.io/gc.expire'] ?? '');
    expect(leases).toMatchObject([{ id: 'l', labels: { job: '7' } }]);
    expect(Math.abs(expire - Date.now() - 3_600_000)).toBeLessThan(60_000);

    const digest = await writeBlob(containerd, randomBytes(1000), { lease: 'l' });
    expect(await containerd.call('Leases.ListResources', { id: 'l' })).toEqual({
      resources: [{ id: digest, type: 'content' }],
    });
    await deleteLease(containerd, 'l', { sync: true });
    await deleteLease(containerd, 'l', { sync: true });
    await expect(containerd.call('Content.Info', { digest })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('that do not exist refuse what is made under them', async () => {
    await expect(writeBlob(containerd, randomBytes(10), { lease: 'nobody' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await containerd
      .call('Content.Abort', { ref: (await containerd.call('Content.ListStatuses', {})).statuses[0]?.ref ?? '' })
      .catch(() => {});
  });
});

describe('content', () => {
  test('comes back byte for byte', async () => {
    const data = randomBytes(5_000_001);
    const digest = await writeBlob(containerd, data);
    expect(digestOf(await readBlob(containerd, digest))).toBe(digest);
    expect((await containerd.call('Content.Info', { digest })).info).toMatchObject({ size: data.length, labels: {} });
  });

  test('with a wrong digest is refused, and the ingest stays until it is aborted', async () => {
    const call = containerd.duplex('Content.Write');
    const responses = drain(call.responses);
    await call.write({ action: 'WRITE', ref: 'r', data: Buffer.from('hello') });
    await call.write({ action: 'COMMIT', ref: 'r', offset: 5, total: 5, expected: digestOf(Buffer.from('other')) });
    await expect(responses).rejects.toMatchObject({
      name: 'ContainerdError',
      code: 'FAILED_PRECONDITION',
      method: 'Content.Write',
    });
    expect((await containerd.call('Content.Status', { ref: 'r' })).status).toMatchObject({ ref: 'r', offset: 5 });
    await containerd.call('Content.Abort', { ref: 'r' });
  });

  test('goes on where a broken writer stopped', async () => {
    const data = randomBytes(300_000);
    const expected = digestOf(data);
    const first = containerd.duplex('Content.Write');
    await first.write({ action: 'WRITE', ref: 'r', total: data.length, expected, data: data.subarray(0, 100_000) });
    for await (const { offset } of first.responses) {
      expect(offset).toBe(100_000);
      break;
    }

    const { second, answers, value } = await vi.waitFor(async () => {
      // The daemon gives the ref back in its own time, and a 2.x refuses at once what a 1.x waits for.
      const second = containerd.duplex('Content.Write');
      const answers = second.responses[Symbol.asyncIterator]();
      await second.write({ action: 'STAT', ref: 'r', total: data.length, expected });
      return { second, answers, value: (await answers.next()).value };
    });
    expect(value).toMatchObject({ action: 'STAT', offset: 100_000, total: data.length });
    await second.write({
      action: 'COMMIT',
      ref: 'r',
      offset: 100_000,
      total: data.length,
      expected,
      data: data.subarray(100_000),
    });
    second.end();
    while ((await answers.next()).done !== true);
    expect(digestOf(await readBlob(containerd, expected))).toBe(expected);
  });

  test('may come slowly: only what the daemon owes is waited for with a deadline', async () => {
    const call = containerd.duplex('Content.Write', { deadlineMs: 200 });
    const answers = drain(call.responses);
    await call.write({ action: 'WRITE', ref: 'r', data: Buffer.from('one') });
    await delay(500);
    await call.write({
      action: 'COMMIT',
      ref: 'r',
      offset: 3,
      total: 6,
      expected: digestOf(Buffer.from('onetwo')),
      data: Buffer.from('two'),
    });
    call.end();
    expect((await answers).at(-1)).toMatchObject({ action: 'COMMIT', offset: 6 });
  });

  test('that is there already says so', async () => {
    const data = randomBytes(100);
    await writeBlob(containerd, data);
    await expect(writeBlob(containerd, data)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  test('of 15 MiB fits into one message and of 20 MiB does not, and the connection goes on', async () => {
    expect(await writeBlob(containerd, Buffer.alloc(15 << 20, 'x'), { chunk: 15 << 20 })).toMatch(/^sha256:/);
    await expect(writeBlob(containerd, Buffer.alloc(20 << 20, 'x'), { chunk: 20 << 20 })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    expect((await containerd.call('Health.Check', {})).status).toBe('SERVING');
  });
});

describe('refusals have a code', () => {
  test.each([
    ['NOT_FOUND', 'Images.Get', { name: 'nobody' }],
    ['NOT_FOUND', 'Containers.Get', { id: 'nobody' }],
    ['NOT_FOUND', 'Tasks.Get', { containerId: 'nobody' }],
    ['NOT_FOUND', 'Snapshots.Stat', { snapshotter: 'overlayfs', key: 'nobody' }],
    ['NOT_FOUND', 'Leases.Delete', { id: 'nobody' }],
    ['INVALID_ARGUMENT', 'Namespaces.Create', { namespace: { name: 'not/valid' } }],
    ['INVALID_ARGUMENT', 'Containers.Create', { container: { id: '..' } }],
    ['INVALID_ARGUMENT', 'Snapshots.Stat', { snapshotter: 'nobody', key: 'k' }],
  ] as const)('%s from %s', async (code, method, request) => {
    await expect(containerd.call(method, request)).rejects.toMatchObject({
      name: 'ContainerdError',
      class: 'infrastructure',
      code,
      method,
    });
  });

  test('a namespace in use is not deleted', async () => {
    await ensureNamespace(containerd);
    await writeBlob(containerd, randomBytes(10));
    await expect(containerd.call('Namespaces.Delete', { name: namespace })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  test('an ingest that somebody else writes is UNAVAILABLE, and that is no missing daemon', async () => {
    const writer = containerd.duplex('Content.Write');
    const answers = writer.responses[Symbol.asyncIterator]();
    await writer.write({ action: 'STAT', ref: 'r' });
    await answers.next();
    const other = containerd.duplex('Content.Write');
    await other.write({ action: 'STAT', ref: 'r' });
    await expect(drain(other.responses)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('refused Content.Write'),
    });
    // Its end lets the daemon close the ingest before it is aborted; after a cancel the two race on 1.6.
    writer.end();
    while ((await answers.next()).done !== true);
    await containerd.call('Content.Abort', { ref: 'r' });
  });
});

describe('a call ends', () => {
  test('at its deadline, and the task it waited for is untouched', async () => {
    await startSleeper(containerd, { id: 's', runcRoot });
    await expect(containerd.call('Tasks.Wait', { containerId: 's' }, { deadlineMs: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect((await containerd.call('Tasks.Get', { containerId: 's' })).process).toMatchObject({
      id: 's',
      status: 'RUNNING',
      exitStatus: 0,
    });
    expect(await leftovers(containerd, { address, namespace, cgroupPrefix: sleeperCgroup })).toEqual(
      expect.arrayContaining([
        'container s',
        'task s (RUNNING)',
        expect.stringMatching(/^shim \d+ of s$/),
        expect.stringMatching(/^mount .*\/s\/rootfs$/),
        expect.stringContaining(`${sleeperCgroup}/s`),
      ]),
    );
    await removeSleeper(containerd, 's');
  });

  test('when a stream says nothing for its deadline', async () => {
    await expect(drain(containerd.stream('Events.Subscribe', {}, { deadlineMs: 100 }))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });

  test('when the connection is closed', async () => {
    await containerd.call('Version.Version', {});
    const listening = drain(containerd.stream('Events.Subscribe', {}));
    const outcome = expect(listening).rejects.toMatchObject({ code: 'CANCELLED' });
    await containerd.call('Version.Version', {});
    containerd.close();
    await outcome;
    await expect(containerd.call('Version.Version', {})).rejects.toThrow('closed connection');
  });

  test("with the signal's reason when it is aborted, before, during, in a stream and in a duplex", async () => {
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expect(containerd.call('Version.Version', {}, { signal: aborted })).rejects.toBe(reason);
    await expect(drain(containerd.stream('Content.List', {}, { signal: aborted }))).rejects.toBe(reason);
    const abort = new AbortController();
    const listening = drain(containerd.stream('Events.Subscribe', {}, { signal: abort.signal }));
    const writer = containerd.duplex('Content.Write', { signal: abort.signal });
    const answers = drain(writer.responses);
    setTimeout(() => abort.abort(reason), 50);
    await expect(listening).rejects.toBe(reason);
    await expect(answers).rejects.toBe(reason);
    await expect(writer.write({ ref: 'r' })).rejects.toBe(reason);
  });

  test('when the loop over a stream is left', async () => {
    await writeBlob(containerd, randomBytes(8 << 20));
    for await (const { info } of containerd.stream('Content.List', {})) {
      for await (const { data } of containerd.stream('Content.Read', { digest: info[0]?.digest ?? '' })) {
        expect(data.length).toBeGreaterThan(0);
        break;
      }
    }
    expect((await containerd.call('Health.Check', {})).status).toBe('SERVING');
  });
});
