import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Line, Ran, RunningCli } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { startContainerd } from '../support/containerd.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);
const numbers = 40;

/**
 * Three stages. Each counts its runs in a file that travels on, and prints numbered lines while it works; the last one makes a table
 * with one row per run. The component counts its runs in its state, too.
 */
async function chain(site: Site, pause: number): Promise<void> {
  for (const id of ['test.before', 'test.main', 'test.after']) await site.define(id);
  await site.ask(['storage', 'import', 'in.c-e2e.rows', await site.file('rows.csv', 'id\n1\n2\n3\n')]);
  const stage = (name: string, more = ''): string => `
    cp -r in/files/. out/files/ 2>/dev/null || true
    echo ${name} >> out/files/runs.txt
    i=0; while [ $i -lt ${numbers} ]; do i=$((i + 1)); echo "${name} $i"; echo "${name} $i" >&2; ${pause > 0 ? `usleep ${pause * 1000}` : ':'}; done
    ${more}`;
  const configuration = {
    parameters: shell(
      stage(
        'main',
        `was=$(sed -n 's/.*"runs": *\\([0-9]*\\).*/\\1/p' in/state.json); echo "{\\"runs\\": $(( \${was:-0} + 1 ))}" > out/state.json`,
      ),
    ),
    storage: {
      input: { tables: [{ source: 'in.c-e2e.rows', destination: 'rows.csv' }] },
      output: { tables: [{ source: 'runs.csv', destination: 'out.c-e2e.runs', incremental: true }] },
    },
    processors: {
      before: [{ definition: { component: 'test.before' }, parameters: shell(stage('before')) }],
      after: [
        {
          definition: { component: 'test.after' },
          parameters: shell(stage('after', '( echo stage; cat out/files/runs.txt ) > out/tables/runs.csv')),
        },
      ],
    },
  };
  await site.ask(['config', 'set', 'test.main', '1', '-'], { input: JSON.stringify(configuration) });
}

const instant = (site: Site): Promise<void> => chain(site, 0);
const quick = (site: Site): Promise<void> => chain(site, 5);
const slow = (site: Site): Promise<void> => chain(site, 50);
const slowest = (site: Site): Promise<void> => chain(site, 1_000);

const wholeChain = { component: 'test.main', config: '1' };

/** The job came out as if nothing had happened: one run of each stage, every line once and in order. */
async function expectWhole(site: Site, job: string, ran: Ran): Promise<void> {
  expect({ code: ran.code, outcome: ran.lines.at(-1)?.outcome }, ran.stdout + ran.stderr).toEqual({
    code: 0,
    outcome: 'success',
  });
  const listed = await site.ask(['storage', 'ls']);
  const runs = listed.tables.find(({ id }: Line) => id === 'out.c-e2e.runs');
  // One row for every run of a stage; the load adds to the table.
  expect(runs.rowsCount).toBe(3);
  expect(listed.files.map(({ name }: Line) => name)).toEqual(['runs.txt']);
  const { state } = await site.ask(['config', 'show', 'test.main', '1']);
  expect(state.component).toEqual({ runs: 1 });
  const events = await site.events(job);
  for (const [stage, name] of ['before', 'main', 'after'].entries()) {
    for (const stream of ['stdout', 'stderr']) {
      const own = events.filter((line) => line.type === 'log' && line.stage === stage && line.stream === stream);
      expect(own.map(({ message }) => message)).toEqual(Array.from({ length: numbers }, (_, i) => `${name} ${i + 1}`));
    }
  }
}

const stage = (n: number): string[] => [
  `run row/0/stage/${n}`,
  `recorded row/0/stage/${n}/starting`,
  `recorded row/0/stage/${n}/exited`,
  `done row/0/stage/${n}`,
  `recorded row/0/stage/${n}`,
];
const around = (step: string): string[] => [`run ${step}`, `done ${step}`, `recorded ${step}`];

describe('a job that is killed', () => {
  test.each([
    ['before the first stage', ['recorded plan', ...around('images'), ...around('row/0/inputs')]],
    ['in the first stage', [...stage(0), ...around('row/0/rotate/0')]],
    ['in the second stage', [...stage(1), ...around('row/0/rotate/1')]],
    ['in the third stage', [...stage(2), ...around('row/0/outputs')]],
    ['at its end', [...around('loads'), ...around('states'), ...around('result')]],
  ])('%s, at every boundary of a step, is resumed to the same result, with every line once', async (_, points) => {
    const works = points.map((crashAt) => async (): Promise<void> => {
      const site = await tenant.site({ prepare: instant });
      const killed = await site.job(wholeChain, { crashAt });
      expect(killed.code, crashAt).toBe(137);
      const job = await site.onlyJob();
      await expectWhole(site, job, await site.run(['--json', 'resume', job])).catch((error: Error) => {
        throw new Error(`killed at "${crashAt}": ${error.message}`, { cause: error });
      });
    });
    await inTurns(works);
  });

  test('before its plan is on disk has not begun: it cannot be resumed, and sweep removes it', async () => {
    const site = await tenant.site({ prepare: quick });
    expect((await site.job(wholeChain, { crashAt: 'run plan' })).code).toBe(137);
    const job = await site.onlyJob();
    expect(await site.run(['resume', job])).toMatchObject({ code: 1, stderr: expect.stringContaining('Run it again') });
    await site.ask(['sweep']);
    expect(await readdir(join(site.stateDir, 'jobs'))).toEqual([]);
  });

  test('at random moments, and again while it is resumed, comes to the same result', async () => {
    const works = Array.from({ length: 9 }, () => async (): Promise<void> => {
      const site = await tenant.site({ prepare: quick });
      const first = site.startJob(wholeChain);
      await first.line(({ type }) => type === 'job-started');
      await killAfter(first, Math.random() * 2_000);
      const job = await site.onlyJob();
      await killAfter(site.start(['--json', 'resume', job]), 100 + Math.random() * 1_500);
      await expectWhole(site, job, await site.run(['--json', 'resume', job]));
    });
    await inTurns(works);
  });

  test('in the middle of a stage leaves the container running, and resume takes it over', async () => {
    const site = await tenant.site({ prepare: slow });
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log' && line.message === 'main 3');
    await killAfter(job, 0);
    const id = await site.onlyJob();
    await delay(500);
    const resumed = await site.run(['--json', 'resume', id]);
    await expectWhole(site, id, resumed);
    const rows = (await site.table('out.c-e2e.runs')).trimEnd().split('\n');
    expect(rows.sort()).toEqual(['"after"', '"before"', '"main"', '"stage"']);
    const adopted = resumed.lines.filter(({ type, status }) => type === 'stage' && status === 'adopted');
    expect(adopted).toMatchObject([{ stage: 1, component: 'test.main' }]);
  });

  test('keeps its time limit while nobody watches', async () => {
    const site = await tenant.site();
    await site.define('test.main', { process_timeout: 2 });
    const job = site.startJob({
      component: 'test.main',
      configData: { parameters: shell('echo begun; exec sleep 600') },
    });
    await job.line((line) => line.type === 'log' && line.message === 'begun');
    await killAfter(job, 0);
    await delay(2_500);
    const resumed = await site.run(['--json', 'resume', await site.onlyJob()]);
    expect(resumed.code).toBe(1);
    expect(resumed.lines.at(-1)).toMatchObject({ outcome: 'timeout' });
    expect(resumed.durationMs).toBeLessThan(10_000);
  });

  test('long after the component said why it fails has that message after resume', async () => {
    const site = await tenant.site();
    await site.define('test.main');
    const script = 'echo "why it failed" >&2; echo said; sleep 3; exit 1';
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell(script) } });
    await job.line((line) => line.type === 'log' && line.message === 'said');
    const id = await site.onlyJob();
    await vi.waitUntil(async () => (await site.events(id)).some(({ message }) => message === 'why it failed'), 2_500);
    await killAfter(job, 0);
    const { code, lines } = await site.run(['--json', 'resume', id]);
    expect({ code, message: lines.at(-1)?.message }).toEqual({ code: 1, message: 'why it failed' });
  });

  test('is over its time limit although it ended by itself while nobody watched', async () => {
    const site = await tenant.site();
    await site.define('test.main', { process_timeout: 1 });
    const configData = { parameters: shell('echo begun; sleep 2; exit 0') };
    const job = site.startJob({ component: 'test.main', configData });
    await job.line((line) => line.type === 'log' && line.message === 'begun');
    await killAfter(job, 0);
    await delay(3_000);
    const resumed = await site.run(['--json', 'resume', await site.onlyJob()]);
    expect(resumed.lines.at(-1)).toMatchObject({ outcome: 'timeout', exitCode: 1 });
  });

  test('is a success when it ended in time, however late it is resumed', async () => {
    const site = await tenant.site();
    await site.define('test.main', { process_timeout: 4 });
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell('echo begun; sleep 1') } });
    await job.line((line) => line.type === 'log' && line.message === 'begun');
    await killAfter(job, 0);
    await delay(5_000);
    const resumed = await site.run(['--json', 'resume', await site.onlyJob()]);
    expect(resumed.lines.at(-1)).toMatchObject({ outcome: 'success', exitCode: 0 });
  });

  test('with a failing component has the same message after resume', async () => {
    const site = await tenant.site();
    await site.define('test.main');
    const body = {
      component: 'test.main',
      configData: { parameters: shell('seq 1 2000; echo "why it failed" >&2; exit 1') },
    };
    for (const crashAt of [
      'recorded row/0/stage/0/exited',
      'run row/0/outputs/failed',
      'run loads',
      'recorded result',
    ]) {
      const before = await readdir(join(site.stateDir, 'jobs')).catch((): string[] => []);
      expect((await site.job(body, { crashAt })).code, crashAt).toBe(137);
      const job = (await readdir(join(site.stateDir, 'jobs'))).find((name) => !before.includes(name)) as string;
      const resumed = await site.run(['--json', 'resume', job]);
      expect(resumed.lines.at(-1), crashAt).toMatchObject({ outcome: 'user_error', message: 'why it failed' });
      expect(
        (await site.events(job)).filter(({ type }) => type === 'log'),
        crashAt,
      ).toHaveLength(2_001);
    }
  });
});

describe('resume', () => {
  test('of a finished job prints the same result and runs nothing', async () => {
    const site = await tenant.site({ prepare: quick });
    const first = await site.job(wholeChain);
    const again = await site.run(['--json', 'resume', first.result.job]);
    expect(again.lines.at(-1)).toEqual(first.result);
    expect(again.code).toBe(0);
    await expectWhole(site, first.result.job, again);
  });

  test('of a job that is being run is refused with its process; the job goes on', async () => {
    const site = await tenant.site({ prepare: slow });
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log');
    const id = await site.onlyJob();
    const refused = await site.run(['resume', id]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(String(job.pid)) });
    await expectWhole(site, id, await job.done);
  });

  test('by six at once is done by one', async () => {
    const site = await tenant.site({ prepare: quick });
    expect((await site.job(wholeChain, { crashAt: 'recorded row/0/stage/0' })).code).toBe(137);
    const job = await site.onlyJob();
    const both = await Promise.all([1, 2, 3, 4, 5, 6].map(() => site.run(['--json', 'resume', job])));
    const [winner, ...others] = both.filter(({ code }) => code === 0);
    expect(both.map(({ stdout }) => stdout).join('\n---\n')).toContain('"success"');
    await expectWhole(site, job, winner as Ran);
    for (const loser of others) expect(loser.lines.at(-1)).toEqual(winner?.lines.at(-1));
  });

  test('of a job whose journal is damaged is refused by its place, and sweep removes the job', async () => {
    const site = await tenant.site({ prepare: quick });
    await site.job(wholeChain, { crashAt: 'recorded row/0/stage/0' });
    const job = await site.onlyJob();
    const path = join(site.stateDir, 'jobs', job, 'journal.ndjson');
    await promisify(execFile)('sed', ['-i', '3s/images/imagez/', path]);
    const refused = await site.run(['resume', job]);
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('line 3') });
    expect((await site.ask(['sweep'])).found).toBeGreaterThan(0);
    expect(await readdir(join(site.stateDir, 'jobs'))).toEqual([]);
  });
});

describe('sweep', () => {
  test('removes a killed job and gives it the result lost; its record stays', async () => {
    const site = await tenant.site({ prepare: slowest });
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log' && line.message === 'before 2');
    await killAfter(job, 0);
    const id = await site.onlyJob();
    const dry = await site.ask(['sweep', '--dry-run']);
    expect(dry.found).toBeGreaterThan(1);
    expect(await readdir(join(site.stateDir, 'jobs', id))).toContain('row-0');
    expect(await site.ask(['sweep', '--dry-run'])).toEqual(dry);
    expect(await site.ask(['sweep'])).toEqual(dry);
    expect((await site.ask(['sweep'])).found).toBe(0);
    const resumed = await site.run(['--json', 'resume', id]);
    expect(resumed.code).toBe(3);
    expect(resumed.lines.at(-1)).toMatchObject({ outcome: 'lost' });
    expect((await site.events(id)).some((line) => line.message === 'before 1')).toBe(true);
  });

  test.each(['recorded images', 'done row/0/outputs', 'recorded row/0/outputs', 'recorded result'])(
    'leaves nothing of a job that was killed at "%s"',
    async (crashAt) => {
      const site = await tenant.site({ prepare: quick });
      expect((await site.job(wholeChain, { crashAt })).code).toBe(137);
      expect((await site.ask(['sweep'])).found).toBeGreaterThan(0);
      const listed = await site.ask(['storage', 'ls']);
      // What was committed stays; nothing else shows.
      expect(listed.files).toHaveLength(crashAt === 'recorded result' ? 1 : 0);
    },
  );

  test('does not touch the job of another live process, from another state directory either', async () => {
    const site = await tenant.site({ prepare: slow });
    const other = await tenant.site();
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log' && line.message === 'before 2');
    expect((await site.ask(['sweep'])).found).toBe(0);
    expect((await other.ask(['sweep'])).found).toBe(0);
    await expectWhole(site, await site.onlyJob(), await job.done);
  });
});

describe('containerd that is killed and restarted', () => {
  test('in the middle of a stage changes nothing about the result', async () => {
    const containerd = await startContainerd();
    onTestFinished(() => containerd.stop());
    const site = await tenant.site({ prepare: slow, address: containerd.address });
    await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log' && line.message === 'main 2');
    await containerd.kill();
    await delay(300);
    await containerd.start();
    await expectWhole(site, await site.onlyJob(), await job.done);
    await expectNothingLeft({
      address: containerd.address,
      namespace: `componentd-${tenant.name}`,
      cgroupPrefix: `/componentd/${tenant.name}`,
      tempDirectory: tenant.folder,
    });
  });

  test('together with the job is no reason to lose it', async () => {
    const containerd = await startContainerd();
    onTestFinished(() => containerd.stop());
    const site = await tenant.site({ prepare: slow, address: containerd.address });
    await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
    const job = site.startJob(wholeChain);
    await job.line((line) => line.type === 'log' && line.message === 'main 2');
    job.kill('SIGKILL');
    await containerd.kill();
    await job.done;
    await delay(300);
    await containerd.start();
    const id = await site.onlyJob();
    await expectWhole(site, id, await site.run(['--json', 'resume', id]));
  });
});

/** Three at a time: most of the time of a job is waiting. */
async function inTurns(works: (() => Promise<void>)[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let work = works.shift(); work !== undefined; work = works.shift()) await work();
  };
  await Promise.all([worker(), worker(), worker()]);
}

async function killAfter(job: RunningCli, milliseconds: number): Promise<void> {
  await Promise.race([job.done, delay(milliseconds)]);
  job.kill('SIGKILL');
  await job.done;
}
