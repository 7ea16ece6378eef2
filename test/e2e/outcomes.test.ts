import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import type { Line, Ran } from '../support/cli.ts';
import { build, scratchLayer, shell } from '../support/components.ts';
import { startContainerd } from '../support/containerd.ts';
import { type JobRun, mainDefined, type Site, type SiteSettings, useTenant } from '../support/site.ts';

const run = promisify(execFile);
const tenant = useTenant(import.meta.filename);

async function withMain(more?: object, settings: SiteSettings = {}): Promise<Site> {
  if (more === undefined) return await tenant.site({ prepare: mainDefined, ...settings });
  const site = await tenant.site(settings);
  await site.define('test.main', more);
  return site;
}

/** What the job said about its failure, for those who may see it. */
function said({ lines }: Ran): string {
  const errors = lines.filter(({ type, level }) => type === 'message' && level === 'error');
  return errors.map(({ message }) => message).join('\n');
}

function logged({ lines }: Ran, stream: string): string {
  return lines.flatMap((line) => (line.type === 'log' && line.stream === stream ? [`${line.message}\n`] : [])).join('');
}

describe('the exit code of a component', () => {
  test('0 is success (fact 1)', async () => {
    const site = await withMain();
    const ran = await site.script('echo fine; echo odd >&2');
    expect(ran.result).toMatchObject({ outcome: 'success', exitCode: 0 });
    expect(ran.code).toBe(0);
    expect([logged(ran, 'stdout'), logged(ran, 'stderr')]).toEqual(['fine\n', 'odd\n']);
  });

  test('1 is a user error with stderr, else stdout, else a fixed text as its message (facts 3, 12, 17)', async () => {
    const site = await withMain();
    const message = async (script: string): Promise<string> => {
      const { code, result } = await site.script(script);
      expect({ code, outcome: result.outcome }).toEqual({ code: 1, outcome: 'user_error' });
      return result.message;
    };
    expect(await message('echo out; echo "the table is empty" >&2; exit 1')).toBe('the table is empty');
    expect(await message('echo "only out"; echo; exit 1')).toBe('only out');
    expect(await message('echo; echo " " >&2; exit 1')).toMatch(/no message/);
  });

  test.each([2, 126, 143, 255])(
    '%i is an application error whose text stays internal and has an id (facts 2, 4, 16)',
    async (exit) => {
      const site = await withMain();
      const ran = await site.script(`echo "detail on stdout"; exit ${exit}`);
      expect(ran.code).toBe(2);
      expect(ran.result.outcome).toBe('app_error');
      expect(ran.result.error.exceptionId).toMatch(/^exception-[0-9a-f]{32}$/);
      expect(ran.result.message).not.toContain('detail on stdout');
      expect(said(ran)).toMatch(
        new RegExp(`^test/shell:1 container '.*-test-main' failed: \\(${exit}\\) detail on stdout$`),
      );
    },
  );

  test('above 1 is a user error with no_application_errors (fact 18)', async () => {
    const site = await withMain({ logging: { no_application_errors: true } });
    const { code, result } = await site.script('echo why >&2; exit 2');
    expect(code).toBe(1);
    expect(result.message).toContain('(2) why');
  });

  test('137 without a counted kill is a user error that says SIGKILL and nothing about memory', async () => {
    const site = await withMain();
    const { code, result } = await site.script(`sh -c 'kill -9 $$' || exit $?`);
    expect(code).toBe(1);
    expect(result.message).toContain('SIGKILL');
    expect(result.message).not.toMatch(/memory/i);
  });

  test('1 after 1.8 MB of stderr has a message of exactly 3,999 characters, its beginning and its end (fact 11)', async () => {
    const site = await withMain();
    const { code, result } = await site.script(`seq 1 260000 | sed 's/^/žč/' >&2; exit 1`);
    expect(code).toBe(1);
    expect([...result.message]).toHaveLength(3_999);
    expect(result.message).toMatch(/^žč1\nžč2\n/);
    expect(result.message).toContain(' ... ');
  });
});

describe('limits', () => {
  test('a component that ignores SIGTERM is killed two seconds after its time is over (fact 6)', async () => {
    const site = await withMain({ process_timeout: 1 });
    const { code, result } = await site.script(`trap '' TERM; echo begun; while :; do sleep 1; done`);
    expect(code).toBe(1);
    expect(result).toMatchObject({ outcome: 'timeout', message: expect.stringMatching(/longer than 1 second/) });
    const [[stage]] = result.stages;
    expect(stage.exitCode).toBe(137);
    expect(stage.durationMs).toBeGreaterThan(2_900);
    expect(stage.durationMs).toBeLessThan(8_000);
  });

  test('runtime.process_timeout shortens the time of the component and not of a processor (fact 29)', async () => {
    const site = await withMain();
    await site.define('test.before');
    const { result } = await site.script('exec sleep 60', {
      runtime: { process_timeout: 1 },
      processors: { before: [{ definition: { component: 'test.before' }, parameters: shell('sleep 1.5') }] },
    });
    expect(result.stages[0].map(({ outcome }: Line) => outcome)).toEqual(['success', 'timeout']);
  });

  test('a hog is out of memory and the message names the limit (fact 9)', async () => {
    const site = await withMain({ memory: '32m', features: ['no-swap'] });
    const { code, result } = await site.script('exec tail /dev/zero');
    expect(code).toBe(1);
    expect(result).toMatchObject({ outcome: 'oom', message: expect.stringContaining('32M') });
  });

  test('a child that was out of memory counts although the component exits with 0', async () => {
    const site = await withMain({ memory: '32m', features: ['no-swap'] });
    const { code, result } = await site.script('tail /dev/zero || echo survived; echo x > out/files/f; exit 0');
    expect(code).toBe(1);
    expect(result).toMatchObject({ outcome: 'oom', stages: [[{ exitCode: 0 }]], output: { files: [] } });
  });
});

describe('what cannot be started', () => {
  const unstartable = async (site: Site, Entrypoint: readonly string[]): Promise<object> => {
    const archive = await build(site.folder, {
      name: 'test/unstartable:1',
      layers: [{ ...scratchLayer(), 'data.txt': 'text', script: { content: '#!/nowhere/perl\n', mode: 0o755 } }],
      config: { Entrypoint },
    });
    await site.ask(['image', 'import', archive]);
    const definition = { type: 'dockerhub', uri: 'test/unstartable', tag: '1' };
    await site.define('test.main', { definition });
    return definition;
  };

  test.each([
    ['is missing', ['/nope', 'x'], /\/nope/],
    ['is not executable', ['/data.txt'], /\/data\.txt/],
  ])(
    'an entrypoint that %s is its author’s error, and the user’s where the definition says so',
    async (_, command, named) => {
      const site = await tenant.site();
      const definition = await unstartable(site, command);
      const ran = await site.job({ component: 'test.main', configData: {} });
      expect({ code: ran.code, outcome: ran.result.outcome }).toEqual({ code: 2, outcome: 'app_error' });
      expect(said(ran)).toMatch(named);
      expect(ran.result.explanation.suggestion).toMatch(/ENTRYPOINT/);

      await site.define('test.open', { definition, logging: { no_application_errors: true } });
      const { code, result } = await site.job({ component: 'test.open', configData: {} });
      expect({ code, outcome: result.outcome }).toEqual({ code: 1, outcome: 'user_error' });
      expect(result.message).toMatch(named);
    },
  );

  test('an entrypoint whose interpreter is missing ends as the runtime lets it end, with 1', async () => {
    const site = await tenant.site();
    await unstartable(site, ['/script']);
    const { code, result } = await site.job({ component: 'test.main', configData: {} });
    expect(code).toBe(1);
    expect(result.message).toContain('/script');
  });

  test('an image that no registry knows is a user error that names it (fact 8)', async () => {
    const site = await tenant.site();
    const uri = `${inject('registryHost')}/no/such`;
    await site.define('test.main', { definition: { type: 'dockerhub', uri, tag: '9.9' } });
    await site.ask(['storage', 'import', 'in.c-e2e.t', await site.file('t.csv', 'a\n1\n')]);
    const storage = { input: { tables: [{ source: 'in.c-e2e.t', destination: 't.csv' }] } };
    const { code, result, lines } = await site.job({ component: 'test.main', configData: { storage } });
    expect(code).toBe(1);
    expect(result.message).toContain('no/such:9.9');
    expect(lines.filter(({ type }) => type === 'transfer')).toEqual([]);
  });

  test('a registry that is down is exit code 3 within 30 seconds, however it is down', async () => {
    const silent = await listen(createServer((socket) => void socket.on('error', () => {})));
    const closing = await listen(createServer((socket) => void socket.on('error', () => {}).destroy()));
    const broken = await listen(
      createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.end('HTTP/1.1 503 Sorry\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'));
      }),
    );
    const refused = await listen(createServer());
    await refused.close();
    const site = await tenant.site();
    const ports = { silent: silent.port, closing: closing.port, broken: broken.port, refused: refused.port };
    const ends = await Promise.all(
      Object.entries(ports).map(async ([id, port]) => {
        await site.define(id, { definition: { type: 'dockerhub', uri: `127.0.0.1:${port}/a/b`, tag: '1' } });
        return { id, port, ...(await site.job({ component: id, configData: {} })) };
      }),
    );
    for (const { id, port, code, result, durationMs } of ends) {
      expect({ id, code, message: result.message }).toEqual({
        id,
        code: 3,
        message: expect.stringContaining(String(port)),
      });
      expect(durationMs, id).toBeLessThan(30_000);
    }
  });

  test.each(['missing', 'refused'])(
    'a containerd whose socket is %s is exit code 3 that names the socket',
    async (how) => {
      const site = await withMain();
      const socket = join(site.folder, 'c.sock');
      if (how !== 'missing') {
        const server = createServer((connection) => void connection.on('error', () => {}));
        server.listen(socket);
        await once(server, 'listening');
        onTestFinished(() => void server.close());
        if (how === 'refused') await closeLeavingSocket(server, socket);
      }
      const { code, stderr, durationMs } = await site.run(['--address', socket, 'run', '-'], {
        input: JSON.stringify({ component: 'test.main', configData: {} }),
      });
      expect(code).toBe(3);
      expect(stderr).toContain(socket);
      expect(durationMs).toBeLessThan(30_000);
      expect(await readdir(site.stateDir)).not.toContain('jobs');
    },
  );
});

describe('a disk that is full', () => {
  test('below the state directory is exit code 3 that says so, and nothing is left on it', async () => {
    const stateDir = await smallDisk();
    const site = await withMain(undefined, { stateDir: join(stateDir, 'state') });
    await run('dd', ['if=/dev/zero', `of=${stateDir}/filler`, 'bs=1M']).catch(() => {});
    const ran = await site.script('true');
    expect(ran.code).toBe(3);
    expect(ran.stderr + said(ran)).toMatch(/space|free/i);
    await rm(join(stateDir, 'filler'));
    expect(await readdir(join(stateDir, 'state', 'jobs')).catch(() => [])).toEqual([]);
  });

  test('that has no reserve is exit code 3 before any container runs', async () => {
    const site = await withMain(undefined, { stateDir: await smallDisk() });
    const ran = await site.script('echo never');
    expect(ran.code).toBe(3);
    expect(ran.result.message).toMatch(/MiB/);
    expect(logged(ran, 'stdout')).toBe('');
  });

  test('while a component fills it ends the job with exit code 3', async () => {
    // A tmpfs counts as the component's own memory.
    const site = await withMain({ memory: '512m' }, { stateDir: await smallDisk(128) });
    const { code, result } = await site.script('cat /dev/zero > out/files/zeros');
    expect({ code, outcome: result.outcome }).toEqual({ code: 3, outcome: 'infra' });
    expect(result.message).toMatch(/MiB free/);
  });

  test('below the project is exit code 3, and the project opens and works afterwards', async () => {
    const disk = await smallDisk();
    const site = await withMain();
    const project = join(disk, 'project');
    await run('cp', ['-a', site.project, project]);
    const env = { COMPONENTD_PROJECT: project };
    const wide = 'head -c 100000000 /dev/urandom > out/files/big; echo "a" > out/tables/t.csv';
    const ran = await site.script(wide, { storage: { output: { default_bucket: 'out.c-e2e' } } }, { env });
    expect(ran.code).toBe(3);
    const listed = await site.ask(['storage', 'ls'], { env });
    expect([listed.tables, listed.files]).toEqual([[], []]);
    expect((await site.script('echo small > out/files/f', {}, { env })).result.output.files).toHaveLength(1);
    expect(await readdir(join(project, 'staged'))).toEqual([]);
  });
});

describe('a stop', () => {
  const stubborn = `trap '' TERM INT; echo ready; while :; do sleep 1; done`;
  const isReady = (line: Line): boolean => line.type === 'log' && line.message === 'ready';

  test('by Ctrl-C ends a component that ignores SIGTERM: 130, and nothing is left', async () => {
    const site = await withMain(undefined, { config: { graceMs: 500 } });
    await site.define('test.after');
    const job = site.startJob({
      component: 'test.main',
      configData: {
        parameters: shell(stubborn),
        processors: { after: [{ definition: { component: 'test.after' }, parameters: shell('true') }] },
      },
    });
    await job.line(isReady);
    // As a terminal does: to the whole process group.
    process.kill(-job.pid, 'SIGINT');
    const { code, lines } = await job.done;
    expect(code).toBe(130);
    expect(lines.at(-1)).toMatchObject({ type: 'result', outcome: 'cancelled', exitCode: 130 });
  });

  test('by SIGTERM is 143, and a component that listens ends at once', async () => {
    const site = await withMain();
    const job = site.startJob({
      component: 'test.main',
      configData: { parameters: shell(`trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done`) },
    });
    await job.line(isReady);
    const asked = Date.now();
    job.kill('SIGTERM');
    const { code, lines } = await job.done;
    expect(code).toBe(143);
    expect(lines.at(-1)).toMatchObject({ outcome: 'cancelled' });
    expect(Date.now() - asked).toBeLessThan(10_000);
  });

  test('while an image is pulled from a registry that hangs is 130 at once', async () => {
    const seen = Promise.withResolvers<void>();
    const silent = await listen(
      createServer((socket) => void socket.on('error', () => {}).once('data', () => seen.resolve())),
    );
    const site = await tenant.site();
    await site.define('test.main', {
      definition: { type: 'dockerhub', uri: `127.0.0.1:${silent.port}/a/b`, tag: '1' },
    });
    const job = site.startJob({ component: 'test.main', configData: {} });
    await seen.promise;
    const asked = Date.now();
    job.kill('SIGINT');
    expect((await job.done).code).toBe(130);
    expect(Date.now() - asked).toBeLessThan(5_000);
  });

  test('asked twice leaves at once, and sweep removes what is left', async () => {
    const site = await withMain(undefined, { config: { graceMs: 60_000 } });
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell(stubborn) } });
    await job.line(isReady);
    job.kill('SIGINT');
    job.kill('SIGINT');
    const again = setInterval(() => job.kill('SIGINT'), 200);
    expect((await job.done).code).toBe(130);
    clearInterval(again);
    expect((await site.ask(['sweep'])).found).toBeGreaterThan(0);
  });
});

describe('a containerd that goes away under a job', () => {
  test('and does not come back is exit code 3 or a stop, never a hang; the job is resumed when it is back', async () => {
    const containerd = await startContainerd();
    onTestFinished(() => containerd.stop());
    const site = await withMain(undefined, { address: containerd.address, config: { graceMs: 500 } });
    await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
    const body = {
      component: 'test.main',
      configData: { parameters: shell('echo ready; sleep 2; echo x > out/files/f') },
    };
    const job = site.startJob(body);
    await job.line((line) => line.type === 'log' && line.message === 'ready');
    await containerd.kill();
    const asked = Date.now();
    job.kill('SIGINT');
    const { code } = await job.done;
    expect([3, 130]).toContain(code);
    expect(Date.now() - asked).toBeLessThan(45_000);
    await containerd.start();
    const resumed = await site.run(['--json', 'resume', await site.onlyJob()]);
    expect(resumed.lines.at(-1)?.outcome).toBeOneOf(['success', 'cancelled']);
  }, 120_000);
});

describe('a failed job', () => {
  const tables = `echo "a\n1" > out/tables/always.csv; echo "a\n1" > out/tables/sometimes.csv; echo x > out/files/f
    echo '{"write_always": true}' > out/tables/always.csv.manifest`;

  test('leaves its write_always tables and nothing else, and its error is the component’s (fact 86)', async () => {
    const site = await withMain();
    const { code, result } = await site.script(`${tables}; echo why >&2; exit 1`, {
      storage: { output: { default_bucket: 'out.c-e2e' } },
    });
    expect({ code, message: result.message }).toEqual({ code: 1, message: 'why' });
    const listed = await site.ask(['storage', 'ls']);
    expect(listed.tables.map(({ id }: Line) => id)).toEqual(['out.c-e2e.always']);
    expect(listed.files).toEqual([]);
  });

  test('by a missing mapped source leaves its write_always tables, too (facts 71, 87)', async () => {
    const site = await withMain();
    const { code, result } = await site.script(tables, {
      storage: {
        output: {
          default_bucket: 'out.c-e2e',
          tables: [
            { source: 'gone.csv', destination: 'out.c-e2e.gone' },
            { source: 'lost.csv', destination: 'out.c-e2e.lost' },
          ],
        },
      },
    });
    expect(code).toBe(1);
    expect(result.message).toMatch(/gone\.csv.*lost\.csv/s);
    expect((await site.ask(['storage', 'ls'])).tables.map(({ id }: Line) => id)).toEqual(['out.c-e2e.always']);
  });
});

describe('a failed job of several rows', () => {
  const always = `echo "a\n1" > out/tables/always.csv; echo '{"write_always": true}' > out/tables/always.csv.manifest`;
  const row = (id: string, script: string, more: object = {}): object => ({
    id,
    configuration: { parameters: shell(script), ...more },
  });

  async function run(site: Site, rows: readonly object[]): Promise<JobRun> {
    const configuration = { storage: { output: { default_bucket: 'out.c-e2e' } } };
    await site.ask(['config', 'set', 'test.main', '1', '-'], { input: JSON.stringify({ configuration, rows }) });
    return await site.job({ component: 'test.main', config: '1' });
  }

  const tablesOf = async (site: Site): Promise<readonly string[]> =>
    (await site.ask(['storage', 'ls'])).tables.map(({ id }: Line) => id);

  test('keeps the write_always tables of the rows before the one that failed', async () => {
    const site = await withMain();
    const { code, result } = await run(site, [row('r1', always), row('r2', 'echo why >&2; exit 1')]);
    expect({ code, message: result.message }).toEqual({ code: 1, message: 'why' });
    expect(await tablesOf(site)).toEqual(['out.c-e2e.always']);
  });

  test('keeps them when a later row’s input cannot be had', async () => {
    const site = await withMain();
    await site.ask(['storage', 'import', 'in.c-e2e.some', '-'], { input: 'a\n1\n' });
    const input = { storage: { input: { tables: [{ source: 'in.c-e2e.some', columns: ['none'] }] } } };
    const { code, result } = await run(site, [row('r1', always), row('r2', ':', input)]);
    expect(code).toBe(1);
    expect(result.message).toContain('none');
    expect(await tablesOf(site)).toEqual(['in.c-e2e.some', 'out.c-e2e.always']);
  });

  test('keeps them when the component leaves a state that cannot be read', async () => {
    const site = await withMain();
    const { code, result } = await run(site, [row('r1', `${always}; echo '{' > out/state.json`)]);
    expect({ code, outcome: result.outcome }).toEqual({ code: 2, outcome: 'app_error' });
    expect(await tablesOf(site)).toEqual(['out.c-e2e.always']);
  });
});

/** An empty file system. */
async function smallDisk(megabytes = 64): Promise<string> {
  const path = join(tenant.folder, 'small-disk');
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', path]);
  onTestFinished(async () => {
    await run('umount', [path]);
    await rm(path, { recursive: true });
  });
  return path;
}

async function listen(server: Server): Promise<{ readonly port: number; close(): Promise<void> }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  onTestFinished(() => void server.close());
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** A socket file without anybody behind it, as a daemon leaves it that was killed. */
async function closeLeavingSocket(server: Server, socket: string): Promise<void> {
  await run('ln', [socket, `${socket}.kept`]);
  await new Promise((resolve) => server.close(resolve));
  await run('mv', [`${socket}.kept`, socket]);
}
