import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { shimsOf } from '../../support/wreckage.ts';
import { openBox, untilSaid } from './box.ts';

/** A command line that no other process has. */
const hang = `sleep 6${process.pid}`;
const runc = execFileSync('sh', ['-c', 'command -v runc'], { encoding: 'utf8' }).trim();
const behaviours = {
  'fails at': 'echo "broken on purpose" >&2; exit 1',
  'has done and fails at': `${runc} "$@"; exit 1`,
  'hangs at': `exec ${hang}`,
} as const;
type Behaviour = keyof typeof behaviours;
type Verb = 'create' | 'start' | 'kill' | 'delete';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-broken-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An OCI runtime that is runc but for one of its verbs. */
async function brokenRuntime(behaviour: Behaviour, verb: Verb): Promise<string> {
  const path = join(folder, `${behaviour.replaceAll(' ', '-')}-${verb}`);
  const find = 'for word; do case $word in create|start|kill|delete|state) break;; esac; done';
  const text = `#!/bin/sh\n${find}\nif [ $word = ${verb} ]; then ${behaviours[behaviour]}; fi\nexec ${runc} "$@"\n`;
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

const openBroken = async (behaviour: Behaviour, verb: Verb) => {
  const runtime = { name: 'broken', binary: await brokenRuntime(behaviour, verb) };
  return openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot'), runtime });
};

/** Nothing is left, and neither is a process that the runtime began. */
async function expectGone(box: Awaited<ReturnType<typeof openBroken>>): Promise<void> {
  await box.close();
  const ours = ({ namespace }: { namespace: string }): boolean => namespace === box.client.namespace;
  expect((await shimsOf(box.client.address)).filter(ours)).toEqual([]);
  const bundles = join(inject('containerdDirectory'), 'state/io.containerd.runtime.v2.task', box.client.namespace);
  expect(await readdir(bundles)).toEqual([]);
}

const bounded = { timeout: 110_000 };

describe.concurrent('a container whose runtime', () => {
  it.each<Behaviour>(['fails at', 'has done and fails at', 'hangs at'])(
    '%s its creation',
    bounded,
    async (behaviour) => {
      const box = await openBroken(behaviour, 'create');
      const request = await box.script('sleep 1000');
      await expect(box.runtime.create(request)).rejects.toMatchObject({
        class: 'infrastructure',
        message: expect.stringContaining('Tasks.Create'),
      });
      expect(await box.runtime.open(request.id)).toBeUndefined();
      await expectGone(box);
    },
  );

  it.each<Behaviour>(['fails at', 'has done and fails at', 'hangs at'])('%s its start', bounded, async (behaviour) => {
    const box = await openBroken(behaviour, 'start');
    const container = await box.runtime.create(await box.script('sleep 1000'));
    await expect(container.start()).rejects.toMatchObject({
      class: 'infrastructure',
      message: expect.stringContaining('Tasks.Start'),
    });
    await container.remove();
    await expectGone(box);
  });

  it.each<Behaviour>(['fails at', 'has done and fails at', 'hangs at'])('%s its kill', bounded, async (behaviour) => {
    const box = await openBroken(behaviour, 'kill');
    const request = await box.script('trap "" TERM; sleep 1000 & echo ready; while :; do sleep 1; done');
    const container = await box.runtime.create(request);
    await container.start();
    await untilSaid(request, 'ready');
    await container.stop(100);
    expect((await container.wait()).code).toBe(137);
    await container.remove();
    await expectGone(box);
  });

  it.each<Behaviour>(['fails at', 'has done and fails at', 'hangs at'])(
    '%s its deletion',
    bounded,
    async (behaviour) => {
      const box = await openBroken(behaviour, 'delete');
      const request = await box.script('echo said; exit 5');
      const container = await box.runtime.create(request);
      await container.start();
      expect((await container.wait()).code).toBe(5);
      await container.remove();
      expect(await readFile(request.logs.stdout, 'utf8')).toBe('said\n');
      await expectGone(box);
    },
  );

  it('cannot kill is removed while it runs, and before it was started', bounded, async () => {
    const box = await openBroken('fails at', 'kill');
    const running = await box.runtime.create(await box.script('sleep 1000'));
    await running.start();
    const created = await box.runtime.create(await box.script('sleep 1000'));
    await Promise.all([running.remove(), created.remove()]);
    await expectGone(box);
  });

  it('has a shim that answers no more', bounded, async () => {
    const box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
    const container = await box.runtime.create(await box.script('sleep 1000'));
    await container.start();
    const shim = (await shimsOf(box.client.address)).find(({ id }) => id === container.id);
    process.kill(shim?.pid ?? 0, 'SIGSTOP');
    await container.remove();
    await expectGone(box);
  });
});

it('leaves no process of a runtime that hung', async () => {
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
  expect(processes.filter((line) => line === hang)).toEqual([]);
});
