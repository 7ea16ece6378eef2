import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { shell } from '../support/components.ts';
import { holdings, type Resident, withResident } from '../support/resident.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';

/** How many times more than in a usual run; 25 makes the 2,000 containers and more than 500 jobs of the documentation. */
const factor = Number(process.env.COMPONENTD_TEST_SCALE ?? 1);
const patienceMs = 120_000 * factor;
const tenant = useTenant(import.meta.filename);

function onSite<T>(site: Site, work: (resident: Resident) => Promise<T>): Promise<T> {
  const flags = { address: inject('containerdAddress'), project: site.project, stateDir: site.stateDir };
  return withResident(loadConfig(flags, { COMPONENTD_CONFIG: join(site.folder, 'config.json') }), work);
}

function printing(line: string): object {
  return { component: 'test.main', configData: { parameters: shell(`echo ${line}`) } };
}

async function expectLine(site: Site, job: string, line: string): Promise<void> {
  const logs = (await site.events(job)).filter(({ type }) => type === 'log');
  expect(
    logs.map(({ message }) => message),
    job,
  ).toEqual([line]);
}

/** Runs `works` with at most `width` at once. */
async function inParallel(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

const many = 80 * factor;
test(`${many} containers that print one line, 8 at once, lose none`, { timeout: patienceMs }, async () => {
  const site = await tenant.site({ prepare: mainDefined });
  await onSite(site, async (resident) => {
    await inParallel(many, 8, async (index) => {
      const { job, result } = await resident.run(printing(`line-${index}`));
      expect(result.outcome).toBe('success');
      await expectLine(site, job, `line-${index}`);
    });
  });
});

const sequence = 30 * factor;
test(`${sequence} jobs after one another hold no more at the end than at the start, and take no longer`, {
  timeout: patienceMs,
}, async () => {
  const site = await tenant.site({ prepare: mainDefined });
  await onSite(site, async (resident) => {
    const one = async (index: number): Promise<number> => {
      const begun = performance.now();
      await resident.run(printing(`job-${index}`));
      return performance.now() - begun;
    };
    const fifth = Math.floor(sequence / 5);
    for (let warm = 0; warm < fifth; warm += 1) await one(warm);
    const before = holdings();
    const times: number[] = [];
    for (let index = 0; index < sequence; index += 1) times.push(await one(index));
    const after = holdings();
    const [first, last] = [median(times.slice(0, fifth)), median(times.slice(-fifth))];
    const figures = `${JSON.stringify({ before, after })}, first ${first.toFixed(0)} ms, last ${last.toFixed(0)} ms`;
    expect(after.descriptors, figures).toBeLessThanOrEqual(before.descriptors + 2);
    expect(after.memoryMiB, figures).toBeLessThan(before.memoryMiB + 40);
    // A noisy machine doubles a time now and then; what grows with every job does more than that.
    expect(last, figures).toBeLessThan(2 * first);
    if (factor > 1) await told(figures);
  });
});

test('50 jobs at once all succeed, and leave memory and descriptors as they were', {
  timeout: patienceMs,
}, async () => {
  const site = await tenant.site({ prepare: mainDefined });
  await onSite(site, async (resident) => {
    const round = async (): Promise<void> => {
      const runs = Array.from({ length: 50 }, async (_, index) => {
        const { job, result } = await resident.run(printing(`at-once-${index}`));
        expect(result.outcome).toBe('success');
        await expectLine(site, job, `at-once-${index}`);
      });
      await Promise.all(runs);
    };
    await round();
    const before = holdings();
    for (let again = 0; again < factor; again += 1) await round();
    const after = holdings();
    const figures = JSON.stringify({ before, after });
    expect(after.descriptors, figures).toBeLessThanOrEqual(before.descriptors + 2);
    expect(after.memoryMiB, figures).toBeLessThan(before.memoryMiB + 60);
    if (factor > 1) await told(figures);
  });
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The containerd's own memory belongs to the figures. */
async function told(figures: string): Promise<void> {
  const { stdout } = await promisify(execFile)('pgrep', ['-f', inject('containerdDirectory')]).catch(() => ({
    stdout: '',
  }));
  const [pid = 'self'] = stdout.split('\n');
  const daemon = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  process.stdout.write(`${figures}; containerd ${Math.round(Number(daemon) / 1024)} MiB\n`);
}
