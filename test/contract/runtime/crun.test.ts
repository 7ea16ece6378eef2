import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useAlone } from '../../support/alone.ts';
import { type PrivateContainerd, startContainerd } from '../../support/containerd.ts';
import { isEverythingRequired } from '../../support/releases.ts';
import { type Box, openBox, removeAndRead, runToEnd, untilSaid } from './box.ts';

const isMissing = !hasCrun();

function hasCrun(): boolean {
  try {
    execFileSync('crun', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

useAlone('networks');

describe.skipIf(isMissing && !isEverythingRequired)(`crun${isMissing ? ' (skipped: it is not installed)' : ''}`, () => {
  let containerd: PrivateContainerd;
  let box: Box;
  beforeAll(async () => {
    containerd = await startContainerd(undefined, { withoutHybrid: true });
    // What is above is asked for in vain: crun does not go on then.
    execFileSync('prlimit', ['--pid', `${containerd.pid}`, '--nofile=4096:4096']);
    box = await openBox({ ...containerd, runtime: { name: 'crun' } });
  });
  afterAll(async () => {
    await box.close();
    await containerd.stop();
  });

  it('runs a container to its end, with its output and exit', async () => {
    const finished = await runToEnd(box, await box.script('echo out; echo err >&2; id -u; pwd; exit 7'));
    expect(finished).toEqual({ code: 7, stdout: 'out\n1000\n/\n', stderr: 'err\n' });
  });

  it('limits and counts', async () => {
    const limits = { memoryBytes: 32 * 1024 ** 2, memorySwapBytes: 32 * 1024 ** 2 };
    const container = await box.runtime.create(
      await box.script('exec dd if=/dev/zero of=/dev/null bs=200M count=1', { limits }),
    );
    await container.start();
    expect((await container.wait()).code).toBe(137);
    expect(await container.usage()).toMatchObject({ oomKills: 1 });
    await container.remove();
  });

  it('raises no limit above the inherited one', async () => {
    const finished = await runToEnd(box, await box.script('ulimit -Hn; ulimit -Hc'));
    expect(finished).toMatchObject({ code: 0, stdout: '4096\n0\n' });
  });

  it('has a network, although this daemon does not see our mounts', async () => {
    const text = 'busybox tail -n 1 /etc/hosts; ls /sys/class/net; cat /proc/sys/net/ipv4/ip_unprivileged_port_start';
    const finished = await runToEnd(box, await box.script(text, { network: 'bridge' }));
    expect(finished).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^10\.214\.\d+\.\d+\t\w+\neth0\nlo\n0\n$/),
    });
  });

  it('stops with a grace, and without', async () => {
    const started = async (text: string) => {
      const request = await box.script(text);
      const container = await box.runtime.create(request);
      await container.start();
      await untilSaid(request, 'ready');
      return { request, container };
    };
    const [polite, stubborn] = await Promise.all([
      started('trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done'),
      started('trap "" TERM; echo ready; while :; do sleep 1; done'),
    ]);
    await Promise.all([polite.container.stop(10_000), stubborn.container.stop(100)]);
    expect((await polite.container.wait()).code).toBe(3);
    expect((await stubborn.container.wait()).code).toBe(137);
    expect((await removeAndRead(polite.container, polite.request)).stdout).toBe('ready\nbye\n');
    await stubborn.container.remove();
  });

  it('has one that was never started removed', async () => {
    const container = await box.runtime.create(await box.script('true'));
    expect(await container.status()).toBe('created');
    await container.remove();
  });

  it.each([
    ['is not in PATH', ['nope'], 'does not exist'],
    ['is a directory', ['/bin'], 'not an executable file'],
  ])('tells whose mistake it is when the command %s', async (_, entrypoint, message) => {
    const request = await box.script('', { config: { entrypoint, cmd: [] } });
    await expect(box.runtime.create(request)).rejects.toMatchObject({
      reason: 'entrypoint',
      message: expect.stringContaining(message),
    });
    expect(await readdir(dirname(request.logs.stdout))).toEqual([]);
  });

  it('gives a container one overlay as its root, and no network but its own', async () => {
    const request = await box.script('cat /proc/net/dev | wc -l; mount | grep -c overlay');
    expect(await runToEnd(box, request)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[34]\n1\n$/) });
  });
});
