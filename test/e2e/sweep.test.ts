import { chmod, mkdir, readdir, rm, rmdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import { ulid } from '../../src/base/ids.ts';
import { connectContainerd } from '../../src/containerd/client.ts';
import { shell } from '../support/components.ts';
import { leftovers } from '../support/nothing-left.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';
import { cgroupsAt } from '../support/wreckage.ts';

const tenant = useTenant(import.meta.filename);
const withTable = { storage: { output: { tables: [{ source: 't.csv', destination: 'out.c-e2e.t' }] } } };
const makeTable = 'echo id > out/tables/t.csv; echo 1 >> out/tables/t.csv';

function body(script: string, more: object = {}): object {
  return { component: 'test.main', configData: { parameters: shell(script), ...more } };
}

/** Starts a job and kills its process while its container runs. */
async function killWhileRunning(site: Site): Promise<void> {
  const job = site.startJob(body('echo begun; exec sleep 600'));
  await job.line((line) => line.type === 'log' && line.message === 'begun');
  job.kill('SIGKILL');
  await job.done;
}

const jobsOf = (site: Site): Promise<string[]> => readdir(join(site.stateDir, 'jobs'));
const stagedIn = (site: Site): Promise<string[]> => readdir(join(site.project, 'staged'));

describe('a sweep', () => {
  test('in a loop beside thirty jobs that start and end disturbs none of them', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    let isRunning = true;
    const sweeping = (async () => {
      const founds: number[] = [];
      while (isRunning) {
        const { code, stdout, stderr, lines } = await site.run(['--json', 'sweep']);
        founds.push(lines.at(-1)?.found);
        expect({ code, lines: lines.slice(0, -1) }, stdout + stderr).toEqual({ code: 0, lines: [] });
      }
      return founds;
    })();
    const bodies = Array.from({ length: 30 }, () => body(`echo one; ${makeTable}`, withTable));
    const codes: number[] = [];
    await Promise.all(
      [1, 2, 3].map(async () => {
        for (let next = bodies.pop(); next !== undefined; next = bodies.pop()) {
          const ran = await site.job(next);
          if (ran.code !== 0) throw new Error(ran.stdout + ran.stderr);
          codes.push(ran.code);
        }
      }),
    ).finally(() => {
      isRunning = false;
    });
    const founds = await sweeping;
    expect(codes).toHaveLength(30);
    expect(founds.length).toBeGreaterThan(5);
    expect(founds.filter((found) => found !== 0)).toEqual([]);
    expect(await jobsOf(site)).toHaveLength(30);
  }, 180_000);

  test('at the same time as a resume leaves the job to one of the two', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const outcomes: string[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const before = await jobsOf(site).catch((): string[] => []);
      const job = site.startJob(body('echo begun; sleep 3; echo done'));
      await job.line((line) => line.type === 'log' && line.message === 'begun');
      job.kill('SIGKILL');
      await job.done;
      const id = (await jobsOf(site)).find((name) => !before.includes(name)) as string;
      const [resumed, swept] = await Promise.all([
        delay(turn % 2 === 0 ? 0 : 100 * Math.random()).then(() => site.run(['--json', 'resume', id])),
        delay(turn % 2 === 0 ? 100 * Math.random() : 0).then(() => site.run(['--json', 'sweep'])),
      ]);
      expect(swept.code, swept.stdout + swept.stderr).toBe(0);
      const last = resumed.lines.at(-1);
      const outcome = String(last?.outcome ?? last?.reason);
      outcomes.push(outcome);
      // Whoever was first keeps it: a resumed job is whole, and a swept one is lost.
      if (outcome === 'success') expect(swept.lines.at(-1)?.found).toBe(0);
      else expect(swept.lines.at(-1)?.found, outcome).toBe(2);
      const shown = await site.run(['--json', 'resume', id]);
      expect(shown.lines.at(-1)?.outcome).toBe(outcome === 'success' ? 'success' : 'lost');
    }
    expect(outcomes.filter((outcome) => !['success', 'lost', 'owned'].includes(outcome))).toEqual([]);
  }, 180_000);

  test('that is killed at any moment leaves the rest to the next one', async () => {
    for (const ms of [150, 200, 250, 300, 350, 400, 500, 700]) {
      const site = await tenant.site({ prepare: mainDefined });
      await killWhileRunning(site);
      const killed = site.start(['sweep']);
      await Promise.race([delay(ms), killed.done]);
      killed.kill('SIGKILL');
      await killed.done;
      await site.ask(['sweep']);
      expect((await site.ask(['sweep'])).found).toBe(0);
      const shown = await site.run(['--json', 'resume', await site.onlyJob()]);
      expect(shown.lines.at(-1)).toMatchObject({ outcome: 'lost' });
      await expectNothingLeftOf(site);
    }
  }, 120_000);

  test('tells what it could not remove, goes on with the rest, and ends with 3; the next one has it', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    for (const crashAt of ['recorded row/0/outputs', 'recorded images']) {
      expect((await site.job(body(makeTable, withTable), { crashAt })).code).toBe(137);
    }
    await killWhileRunning(site);
    expect(await stagedIn(site)).toHaveLength(1);
    await chmod(site.project, 0o755);
    const failed = await site.run(['--json', 'sweep']);
    expect(failed.code).toBe(3);
    const failures = failed.lines.filter(({ type }) => type === 'sweep-failed');
    expect(failures.map(({ kind }) => kind)).toEqual(['job', 'job', 'job', 'project']);
    expect(failures[0]).toMatchObject({
      message: expect.stringContaining('755'),
      hint: expect.stringContaining('chmod'),
    });
    expect(failed.lines.at(-1)).toMatchObject({ type: 'result', failed: 4 });
    // Containers and cgroups need no project.
    await expectNothingLeftOf(site);
    expect(await site.run(['sweep'])).toMatchObject({ code: 3, stderr: expect.stringContaining('stays') });
    await chmod(site.project, 0o700);
    expect(await site.ask(['sweep'])).toMatchObject({ found: 3, failed: 0 });
    expect(await stagedIn(site)).toEqual([]);
    expect((await site.ask(['sweep'])).found).toBe(0);
  });

  test('leaves alone what is not ours among the jobs, and young folders in the making', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    await site.job(body('true'));
    const jobs = join(site.stateDir, 'jobs');
    const [file, ours, link, folder, young] = ['notes.txt', ulid(), '01', 'somebody', `.new-${ulid()}`];
    const strays = [file, ours, link, folder, young];
    for (const name of [file, ours]) await writeFile(join(jobs, name), '');
    await symlink('/nowhere', join(jobs, link));
    const old = [`.new-${ulid()}`, `.gone-${ulid()}`];
    for (const name of [folder, young, ...old]) await mkdir(join(jobs, name));
    for (const name of old) await utimes(join(jobs, name), 0, Date.now() / 1000 - 2 * 3600);
    const before = await readdir(jobs);
    await killWhileRunning(site);
    expect(await site.ask(['sweep', '--dry-run'])).toMatchObject({ found: 4 });
    expect(await site.ask(['sweep'])).toMatchObject({ found: 4, failed: 0 });
    const after = await readdir(jobs);
    expect(before.filter((name) => !after.includes(name)).sort()).toEqual([...old].sort());
    for (const name of strays) await rm(join(jobs, name), { recursive: true });
  });

  test('removes the cgroups of jobs that are over, and of others when they are old', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    await site.job(body('true'));
    const own = await site.onlyJob();
    const [foreign, old] = [ulid(), ulid(Date.now() - 2 * 86_400_000)];
    const roots = await cgroupsAt('/');
    for (const job of [own, foreign, old]) {
      for (const at of roots) await mkdir(join(at, 'componentd', tenant.name, job), { recursive: true });
    }
    try {
      expect(await site.ask(['sweep', '--dry-run'])).toMatchObject({ found: 2 });
      expect(await site.ask(['sweep'])).toMatchObject({ found: 2 });
      for (const job of [own, old]) expect(await cgroupsAt(`/componentd/${tenant.name}/${job}`)).toEqual([]);
      expect(await cgroupsAt(`/componentd/${tenant.name}/${foreign}`)).toHaveLength(roots.length);
    } finally {
      for (const at of await cgroupsAt(`/componentd/${tenant.name}/${foreign}`)) await rmdir(at);
    }
    expect((await site.ask(['sweep'])).found).toBe(0);
    expect(await cgroupsAt(`/componentd/${tenant.name}`)).toEqual([]);
  });

  test('revokes the tokens of the job', async () => {
    const site = await tenant.site();
    await site.define('test.main', { forward_token: true });
    const tokens = (): unknown => {
      using catalogue = new DatabaseSync(join(site.project, 'catalogue.sqlite'), { readOnly: true });
      return catalogue.prepare("SELECT count(*) AS n FROM tokens WHERE kind = 'job'").get()?.n;
    };
    await killWhileRunning(site);
    expect(tokens()).toBe(1);
    await site.ask(['sweep']);
    expect(tokens()).toBe(0);
  });

  test('of another state directory leaves what a job staged, and its resumption commits it', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const crashAt = 'recorded row/0/outputs';
    expect((await site.job(body(makeTable, withTable), { crashAt })).code).toBe(137);
    const [staged] = await stagedIn(site);
    const elsewhere = await tenant.site({ stateDir: join(site.folder, 'other-state') });
    // From another state directory nothing of it is known; there it is kept for its age.
    expect((await elsewhere.ask(['--project', site.project, 'sweep'])).found).toBe(0);
    expect(await stagedIn(site)).toEqual([staged]);
    const id = await site.onlyJob();
    expect((await site.run(['--json', 'resume', id])).lines.at(-1)).toMatchObject({ outcome: 'success' });
    expect(await site.table('out.c-e2e.t')).toBe('"id"\n"1"\n');
  });

  test('removes a container whose job folder is gone, and leaves the rest of a job of another state directory', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const other = await tenant.site({ prepare: mainDefined });
    await killWhileRunning(site);
    expect((await other.ask(['sweep'])).found).toBe(1);
    const folder = join(site.stateDir, 'jobs', await site.onlyJob());
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['journal.ndjson', 'row-0', 'logs']));
    expect((await site.ask(['sweep'])).found).toBe(1);
    await killWhileRunning(other);
    await rm(join(other.stateDir, 'jobs'), { recursive: true });
    expect((await other.ask(['sweep'])).found).toBe(1);
  });
});

async function expectNothingLeftOf(site: Site): Promise<void> {
  const place = { address: inject('containerdAddress'), namespace: `componentd-${tenant.name}` };
  const containerd = connectContainerd(place);
  try {
    const cgroupPrefix = `/componentd/${tenant.name}`;
    expect(await leftovers(containerd, { ...place, cgroupPrefix, tempDirectory: join(site.folder, 'tmp') })).toEqual(
      [],
    );
  } finally {
    containerd.close();
  }
}
