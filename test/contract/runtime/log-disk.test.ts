import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { followLog } from '../../../src/runtime/logs.ts';
import { checkFreeSpace, freeSpaceGuard } from '../../../src/runtime/space.ts';
import { type Box, openBox } from './box.ts';

const mebibyte = 1024 * 1024;

let box: Box;
let disk: string;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
  disk = await mkdtemp(join(tmpdir(), 'componentd-test-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', disk]);
});
afterAll(async () => {
  execFileSync('umount', [disk]);
  await rm(disk, { recursive: true });
  await box.close();
});

const logsOnDisk = (name: string) => ({ stdout: join(disk, `${name}.out`), stderr: join(disk, `${name}.err`) });

it('refuses a file system that is smaller than the reserve, before anything is started', async () => {
  await expect(checkFreeSpace({ path: disk })).rejects.toMatchObject({ reason: 'disk_full', class: 'infrastructure' });
});

it('stops a container that floods its log before the file system is full', async () => {
  const request = await box.script('yes', { logs: logsOnDisk('flood') });
  const container = await box.runtime.create(request);
  const quiet = new AbortController();
  const guard = freeSpaceGuard({ path: disk, reserveBytes: 32 * mebibyte }, quiet.signal);
  await container.start();
  await expect(guard).rejects.toMatchObject({ reason: 'disk_full' });
  await container.stop(0);
  await container.remove();
  expect(await checkFreeSpace({ path: disk, reserveBytes: 0 })).toBeGreaterThan(0);
  await rm(request.logs.stdout);
});

it('lets more output through a small file system than it could hold', async () => {
  const request = await box.script(
    'i=0; while [ $i -lt 20 ]; do dd if=/dev/zero bs=1M count=10 2>/dev/null; sleep 0.1; i=$((i+1)); done',
    {
      logs: logsOnDisk('stream'),
    },
  );
  const container = await box.runtime.create(request);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const path = request.logs.stdout;
  const following = followLog({ path, from: 0, ended, onChunk: () => {}, limits: { backlogBytes: 64 * mebibyte } });
  await container.start();
  expect((await container.wait()).code).toBe(0);
  await container.remove();
  end();
  expect(await following).toBe(200 * mebibyte);
});
