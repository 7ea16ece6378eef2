import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ulid } from '../../src/base/ids.ts';
import { shell } from '../support/components.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** `jobs --json` by job. */
async function statuses(site: Site, ...args: string[]): Promise<Record<string, string>> {
  const { lines: found, code } = await site.run(['--json', 'jobs', ...args]);
  expect(code).toBe(0);
  return Object.fromEntries(found.map(({ job, status }) => [job as string, status as string]));
}

describe('a job that another process runs', () => {
  test('is listed, shown and followed to its end, line by line in the recorded order', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const script = 'for i in 1 2 3 4 5 6; do echo line $i; echo warning $i >&2; sleep 0.3; done';
    const parameters = shell(script);
    const running = site.startJob({ component: 'test.main', configData: { parameters } });
    const started = await running.line(({ type, status }) => type === 'stage' && status === 'started');
    const job = await site.onlyJob();
    expect(started.component).toBe('test.main');
    expect(await statuses(site, '--status', 'running')).toEqual({ [job]: 'running' });
    const shown = await site.ask(['show', job]);
    expect(shown).toMatchObject({ status: 'running', pid: expect.any(Number), plan: { component: 'test.main' } });
    expect(shown.stages).toMatchObject([{ stage: 0, role: 'main', status: 'running' }]);
    const followed = await site.run(['logs', job, '--follow']);
    expect((await running.done).code).toBe(0);
    expect(followed).toMatchObject({ code: 0, stderr: '' });
    const recorded = (await site.events(job)).filter(({ type }) => type === 'log');
    expect(recorded).toHaveLength(12);
    expect(lines(followed.stdout)).toEqual(recorded.map(({ component, message }) => `${component} | ${message}`));
    expect(await statuses(site)).toEqual({ [job]: 'success' });
  });

  test('that dies is resumable, and whoever follows it is told how to go on', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const parameters = shell('echo begun; sleep 2; echo done');
    const running = site.startJob({ component: 'test.main', configData: { parameters } });
    await running.line(({ type }) => type === 'log');
    const job = await site.onlyJob();
    const following = site.start(['logs', job, '-f']);
    await delay(500);
    running.kill('SIGKILL');
    await running.done;
    const followed = await following.done;
    expect(followed.code).toBe(0);
    expect(followed.stderr).toContain(`componentd resume ${job}`);
    expect(await statuses(site)).toEqual({ [job]: 'resumable' });
    expect((await site.run(['show', job])).stdout).toContain(`componentd resume ${job}`);
    expect((await site.run(['resume', 'latest'])).code).toBe(0);
    expect(lines((await site.run(['logs', job])).stdout)).toEqual(['test.main | begun', 'test.main | done']);
  });

  test('is left alone by whoever stops following it', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const parameters = shell('echo begun; sleep 2');
    const running = site.startJob({ component: 'test.main', configData: { parameters } });
    await running.line(({ type }) => type === 'log');
    const following = site.start(['logs', 'latest', '-f']);
    await delay(1000);
    following.kill('SIGINT');
    expect(await following.done).toMatchObject({ code: 130, stderr: '' });
    expect((await running.done).code).toBe(0);
  });
});

describe('a job that has ended', () => {
  test('shows its stages, its result and its files; logs are narrowed by row, stage, stream, time and number', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    await site.define('test.before');
    const before = [{ definition: { component: 'test.before' }, parameters: shell('echo from before') }];
    const rows = ['first', 'second'].map((id) => ({
      id,
      configuration: {
        parameters: shell(`echo out ${id}; sleep 0.2; echo err ${id} >&2; [ ${id} = first ] || exit 1`),
      },
    }));
    await site.ask(['config', 'set', 'test.main', '5', '-'], {
      input: JSON.stringify({ configuration: { parameters: { '#secret': 'geheim' }, processors: { before } }, rows }),
    });
    expect((await site.run(['run', 'test.main', '--config', '5'])).code).toBe(1);
    const job = await site.onlyJob();

    const shown = await site.ask(['show', 'latest']);
    expect(shown).toMatchObject({ job, status: 'user_error', result: { exitCode: 1 }, plan: { config: '5' } });
    expect(shown.stages).toMatchObject([
      { rowId: 'first', stage: 0, role: 'before', status: 'success', exitCode: 0 },
      { rowId: 'first', stage: 1, role: 'main', status: 'success', exitCode: 0 },
      { rowId: 'second', stage: 0, role: 'before', status: 'success', exitCode: 0 },
      { rowId: 'second', stage: 1, role: 'main', status: 'user_error', exitCode: 1 },
    ]);
    expect(JSON.stringify(shown)).not.toMatch(/geheim|KBC::/);
    expect(shown.files.events).toBe(join(site.stateDir, 'jobs', job, 'events.ndjson'));
    const text = (await site.run(['show', job.toLowerCase()])).stdout;
    expect(text).toMatch(/second +1 +test\.main +main +user_error +1 /);

    const logs = async (...args: string[]) => lines((await site.run(['logs', job, ...args])).stdout);
    const all = await logs();
    expect(all.filter((line) => / \| (from|out|err)/.test(line))).toHaveLength(6);
    expect(await logs('--stderr')).toEqual(['test.main | err first', 'test.main | err second']);
    expect(await logs('--row', 'second', '--stage', '0')).toEqual(['test.before | from before']);
    expect(await logs('--row', 'second', '--tail', '1')).toEqual(['test.main | err second']);
    expect(await logs('--tail', '0')).toEqual([]);
    expect(await logs('--tail', '1000000')).toEqual(all);
    expect(await logs('--since', '2020-01-01')).toEqual(all);
    expect(await logs('--since', 'now')).toEqual([]);
    const events = lines((await site.run(['--json', 'logs', job, '--all'])).stdout).map(
      (line) => JSON.parse(line).type,
    );
    expect(new Set(events)).toEqual(new Set(['log', 'phase', 'stage', 'job-started', 'job-finished', 'message']));
  });

  test('wrong words are refused with a way out', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    const none = await site.run(['logs', 'latest']);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no job') });
    await site.script('echo hello');
    const job = await site.onlyJob();
    const typo = `${job.slice(0, -1)}${job.endsWith('0') ? '1' : '0'}`;
    expect(await site.run(['show', typo])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Did you mean ${job}?`),
    });
    expect(await site.run(['show', '../../etc'])).toMatchObject({ code: 1 });
    expect(await site.run(['logs', job, '--row', '7'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('rows are 0'),
    });
    for (const args of [
      ['logs', job, '--tail', 'x'],
      ['logs', job, '--tail', '-1'],
      ['logs', job, '--since', 'soon'],
      ['jobs', '--limit', '0'],
    ])
      expect({ args, ...(await site.run(args)) }).toMatchObject({ code: 64, stdout: '' });
  });

  test('is found among damaged and foreign folders', async () => {
    const site = await tenant.site({ prepare: mainDefined });
    await site.script('echo hello');
    const job = await site.onlyJob();
    const damaged = join(site.stateDir, 'jobs', ulid());
    const empty = join(site.stateDir, 'jobs', ulid());
    await mkdir(damaged);
    await writeFile(join(damaged, 'journal.ndjson'), 'what is this\nand this\n');
    await mkdir(empty);
    await mkdir(join(site.stateDir, 'jobs', 'notes'));
    expect(Object.values(await statuses(site)).toSorted()).toEqual(['damaged', 'success', 'unplanned']);
    expect(await statuses(site, '--component', 'test.main', '--limit', '1')).toEqual({ [job]: 'success' });
    expect((await site.run(['show', damaged.slice(-26)])).stdout).toContain('componentd sweep');
    await site.run(['sweep']);
  });
});

test('a record of half a million lines is printed whole, in constant memory, and a reader that waits loses nothing', async () => {
  const site = await tenant.site({ prepare: mainDefined });
  await site.script('echo hello');
  const job = await site.onlyJob();
  const path = join(site.stateDir, 'jobs', job, 'events.ndjson');
  const count = 500_000;
  const head = '{"time":"2026-01-01T00:00:00.000Z","type":"log","row":0,"stage":0,"stream":"stdout","level":"info"';
  const line = (i: number) => `${head},"component":"test.main","message":"line ${i} ${'x'.repeat(50)}"}\n`;
  await writeFile(path, Array.from({ length: count }, (_, i) => line(i)).join(''));
  const slow = site.start(['logs', job], { reader: 'stalled' });
  await delay(3000);
  slow.read();
  const ran = await slow.done;
  expect(ran.code).toBe(0);
  const printed = lines(ran.stdout);
  expect(printed).toHaveLength(count);
  expect(printed.every((text, i) => text.startsWith(`test.main | line ${i} `))).toBe(true);
  expect(ran.peakMemoryBytes).toBeLessThan(180 * 2 ** 20);
  const tail = await site.run(['logs', job, '--tail', '3']);
  expect(lines(tail.stdout)).toEqual(printed.slice(-3));
});
