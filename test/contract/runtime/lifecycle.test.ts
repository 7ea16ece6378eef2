import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ApplicationError, InfrastructureError } from '../../../src/base/errors.ts';
import { isNotFound } from '../../../src/containerd/errors.ts';
import { type Box, busyboxLayer, openBox, removeAndRead, runToEnd, untilSaid } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

describe('a container that runs to its end', () => {
  it.each([0, 1, 2, 42, 255])('answers exit code %d', async (code) => {
    expect((await runToEnd(box, await box.script(`exit ${code}`))).code).toBe(code);
  });

  it('answers 128 + signal for a process ended by a signal', async () => {
    const request = await box.script('sleep 1000');
    const container = await box.runtime.create(request);
    await container.start();
    await box.client.call('Tasks.Kill', { containerId: request.id, signal: 9 });
    expect((await container.wait()).code).toBe(137);
    await container.remove();
  });

  it('keeps stdout and stderr apart, in files that only root may read', async () => {
    const request = await box.script('echo out; echo err >&2; echo more');
    expect(await runToEnd(box, request)).toEqual({ code: 0, stdout: 'out\nmore\n', stderr: 'err\n' });
    expect(statSync(request.logs.stdout).mode & 0o777).toBe(0o600);
    expect(statSync(request.logs.stderr).mode & 0o777).toBe(0o600);
  });

  it('says when the process ended, in UTC', async () => {
    const before = Date.now();
    const container = await box.runtime.create(await box.script('exit 0'));
    await container.start();
    const { exitedAt } = await container.wait();
    expect(exitedAt).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(Date.parse(exitedAt)).toBeGreaterThanOrEqual(before - 1000);
    expect(Date.parse(exitedAt)).toBeLessThanOrEqual(Date.now() + 1000);
    await container.remove();
  });

  it('passes through the states created, running and stopped', async () => {
    const request = await box.script('echo ready; sleep 1000');
    const container = await box.runtime.create(request);
    expect(await container.status()).toBe('created');
    await container.start();
    await untilSaid(request, 'ready');
    expect(await container.status()).toBe('running');
    await container.stop(0);
    expect(await container.status()).toBe('stopped');
    await container.remove();
    await expect(container.status()).rejects.toMatchObject({ reason: 'lost' });
  });

  it('sees bind mounts as they are when it starts, not as they were when it was created', async () => {
    const request = await box.script('cat /data/late');
    const source = dirname(request.logs.stdout);
    await chmod(source, 0o755);
    const container = await box.runtime.create({ ...request, mounts: [{ source, destination: '/data' }] });
    await writeFile(`${source}/late`, 'here', { mode: 0o644 });
    await container.start();
    expect((await container.wait()).code).toBe(0);
    expect((await removeAndRead(container, request)).stdout).toBe('here');
  });
});

it('runs a dozen containers at once, each with its own output and exit', async () => {
  const finished = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => runToEnd(box, await box.script(`echo ${n}; exit ${n}`))),
  );
  expect(finished).toEqual(finished.map((__, n) => ({ code: n, stdout: `${n}\n`, stderr: '' })));
});

describe('what belongs together', () => {
  it('carries our labels and nobody else’s', async () => {
    const request = await box.script('exit 0');
    const container = await box.runtime.create(request);
    const record = await box.client.call('Containers.Get', { id: request.id });
    const snapshot = await box.client.call('Snapshots.Stat', { snapshotter: 'overlayfs', key: request.id });
    expect(record.container?.labels).toEqual({ 'test/owner': 'box' });
    expect(snapshot.info?.labels).toEqual({ 'test/owner': 'box' });
    await container.remove();
  });

  it('can be removed twice, in any state, and by an id that never was', async () => {
    const container = await box.runtime.create(await box.script('sleep 1000'));
    await container.start();
    await container.remove();
    await container.remove();
    await box.runtime.remove(container.id);
    const created = await box.runtime.create(await box.script('exit 0'));
    await created.remove();
    await box.runtime.remove('f'.repeat(64));
    for (const id of [container.id, created.id]) {
      const gone = await box.client.call('Containers.Get', { id }).catch(isNotFound);
      expect(gone).toBe(true);
    }
  });

  it('keeps the log files when the container goes', async () => {
    const request = await box.script('echo kept');
    await runToEnd(box, request);
    expect(readFileSync(request.logs.stdout, 'utf8')).toBe('kept\n');
  });
});

describe('a container that cannot be created', () => {
  const failing = async (
    text: string,
    change: Parameters<Box['script']>[1],
  ): Promise<{ error: unknown; logs: string[] }> => {
    const request = await box.script(text, change);
    const error = await box.runtime.create(request).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(await box.runtime.open(request.id)).toBeUndefined();
    return { error, logs: await readdir(dirname(request.logs.stdout)) };
  };

  it.each([
    ['is not in PATH', ['nope'], 'does not exist'],
    ['is not at its path', ['/bin/nope'], 'does not exist'],
    ['is a directory', ['/bin'], 'not an executable file'],
    ['is a link to nowhere', ['/bin/dangling'], 'does not exist'],
    ['has no permission to execute', ['/bin/data'], 'not an executable file'],
    ['may be executed by root only', ['/bin/private'], 'may not be executed by user 1000:1000'],
  ])('is its author’s mistake when the command %s', async (_, entrypoint, message) => {
    const layer = {
      ...busyboxLayer,
      'bin/dangling': { symlink: '/nowhere' },
      'bin/data': { content: 'x', mode: 0o644 },
      'bin/private': { file: '/usr/bin/busybox', mode: 0o700 },
    };
    const chainId = await box.importImage({ layers: [layer] });
    const { error, logs } = await failing('', { chainId, config: { entrypoint, cmd: [] } });
    expect(error).toBeInstanceOf(ApplicationError);
    expect(error).toMatchObject({ reason: 'entrypoint', message: expect.stringContaining(message) });
    expect(logs).toEqual([]);
  });

  it('is its author’s mistake when the working directory is a file', async () => {
    const { error } = await failing('true', { config: { workingDir: '/bin/sh' } });
    expect(error).toMatchObject({ class: 'application', reason: 'entrypoint' });
  });

  it('is its author’s mistake when its working directory is mounted, too', async () => {
    const { error } = await failing('', {
      config: { entrypoint: ['/bin/nope'], cmd: [], workingDir: '/data' },
      mounts: [{ source: '/tmp', destination: '/data' }],
    });
    expect(error).toMatchObject({
      class: 'application',
      message: expect.stringContaining('"/bin/nope" does not exist'),
    });
  });

  it('is the operator’s business when a mount has no source', async () => {
    const { error, logs } = await failing('true', { mounts: [{ source: '/no/such/source', destination: '/data' }] });
    expect(error).toBeInstanceOf(InfrastructureError);
    expect(logs).toEqual([]);
  });

  it('is refused when its image was never unpacked', async () => {
    const { error, logs } = await failing('true', { chainId: `sha256:${'0'.repeat(64)}` });
    expect(error).toMatchObject({ reason: 'image_gone', cause: { code: 'NOT_FOUND' } });
    expect(logs).toEqual([]);
  });

  it('leaves a container of the same id alone', async () => {
    const request = await box.script('sleep 1000');
    const first = await box.runtime.create(request);
    const logs = { stdout: `${request.logs.stdout}-2`, stderr: `${request.logs.stderr}-2` };
    await expect(box.runtime.create({ ...request, logs })).rejects.toThrow('already');
    expect(existsSync(logs.stdout)).toBe(false);
    expect(await first.status()).toBe('created');
    await first.remove();
  });

  it('refuses to write into a log file that is there already', async () => {
    const request = await box.script('true');
    await writeFile(request.logs.stderr, 'foreign');
    await expect(box.runtime.create(request)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(existsSync(request.logs.stdout)).toBe(false);
    expect(readFileSync(request.logs.stderr, 'utf8')).toBe('foreign');
  });
});
