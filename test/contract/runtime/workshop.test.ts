import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { derivedId } from '../../../src/base/ids.ts';
import { textsOf } from '../../../src/image/build/small-files.ts';
import { type TextFile, tarOf, textFiles } from '../../../src/image/build/tar.ts';
import { StepFailed, type Workshop, type WorkshopRequest } from '../../../src/image/build/workshop.ts';
import { openWorkshop } from '../../../src/runtime/workshop.ts';
import { type Box, openBox } from './box.ts';

let box: Box;
let folder: string;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-workshop-'));
});
afterEach(async () => expect(await readdir(folder)).toEqual([]));
afterAll(async () => {
  await box.close();
  await rm(folder, { recursive: true });
});

interface Opened extends AsyncDisposable {
  readonly workshop: Workshop;
  readonly printed: () => string;
  run(script: string, files?: readonly TextFile[]): Promise<Readonly<Record<string, string>>>;
}

async function open(
  limits: Partial<WorkshopRequest['limits']> = {},
  signal = new AbortController().signal,
): Promise<Opened> {
  const template = await box.script('');
  const request: WorkshopRequest = {
    id: derivedId(randomUUID()),
    labels: {},
    cgroupParent: template.cgroupParent,
    folder: join(folder, randomUUID()),
    network: 'none',
    policy: 'compatible',
    limits: { memoryBytes: 2 ** 28, pids: 100, diskBytes: 2 ** 28, ...limits },
  };
  let printed = '';
  const written = (key: string) => box.client.call('Snapshots.Usage', { snapshotter: 'overlayfs', key });
  const onOutput = (_: string, bytes: Buffer): void => {
    printed += bytes.toString();
  };
  const workshop = await openWorkshop(box.runtime, written, { request, options: { signal, onOutput } });
  return {
    workshop,
    printed: () => printed,
    run: async (script, files = []) => {
      let found: Readonly<Record<string, string>> = {};
      const input = tarOf(textFiles([{ name: 'step.sh', text: script }, ...files]));
      await workshop.step(input, async (output) => {
        found = await textsOf(output);
      });
      return found;
    },
    [Symbol.asyncDispose]: () => workshop.close(),
  };
}

describe('a workshop', () => {
  it('does one step after another, as a root that is nobody outside', async () => {
    await using opened = await open();
    const big = 'x'.repeat(3_000_000);
    const first = await opened.run(
      'cat /proc/self/uid_map; id -u; wc -c <big >/shop/out/size; cp secrets/s /shop/out',
      [
        { name: 'big', text: big },
        { name: 'secrets/s', text: 'hush' },
      ],
    );
    expect(first).toEqual({ size: '3000000\n', s: 'hush' });
    const forbidden = [
      'touch /usr/x',
      'mount -o remount,rw /usr',
      'mknod /tmp/disk b 8 0',
      'echo x >/proc/sys/kernel/core_pattern',
      'echo x >/io/new',
      'ls /io',
      'ls /home',
      'ls secrets/*',
      'dmesg',
    ];
    const second = await opened.run(
      `for forbidden in ${forbidden.map((command) => `'${command}'`).join(' ')}; do
         if sh -c "$forbidden" >/dev/null 2>&1; then echo "$forbidden"; fi
       done >/shop/out/did
       grep -c : /proc/net/dev >/shop/out/interfaces`,
    );
    expect(second).toEqual({ did: '', interfaces: '1\n' });
    await opened.workshop.close();
    expect(opened.printed()).toMatch(/^ +0 +1879048192 +65536\n0\n/);
  });

  it('ends with the step that fails, and says how', async () => {
    await using opened = await open();
    const failed = opened.run('echo before; exit 7');
    await expect(failed).rejects.toThrow(StepFailed);
    await expect(failed).rejects.toMatchObject({ exitCode: 7 });
    await opened.workshop.close();
    expect(opened.printed()).toBe('before\n');
  });

  it.each([
    ['disk', 'head -c 200m /dev/zero >/shop/much; sleep 60', { reason: 'quota' }],
    ['memory', 'head -c 400m /dev/zero | tail -c 400m >/dev/null', { oomKills: 1 }],
  ])('ends beyond its %s', async (_, script, failure) => {
    await using opened = await open({ diskBytes: 2 ** 27 });
    await expect(opened.run(script)).rejects.toMatchObject(failure);
  });

  it('ends with its signal, whatever it does, and with everything that it started', async () => {
    const stop = new AbortController();
    await using opened = await open({}, stop.signal);
    const running = opened.run('(setsid sleep 1000 &) ; cat /dev/zero >/io/out & sleep 1000');
    setTimeout(() => stop.abort(new Error('stopped')), 300);
    await expect(running).rejects.toThrow('stopped');
  });
});
