import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { ulid } from '../../src/base/ids.ts';
import { Journal } from '../../src/base/journal.ts';
import { anyOfJson, specType } from '../../src/containerd/any.ts';
import { connectContainerd } from '../../src/containerd/client.ts';
import { copyFirstProject, copyFirstState, firstFormat } from '../support/first-format.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);
/** Of the jobs that the first format left. */
const firstTenant = 'first-format';
const jobs = {
  finished: '01M7WP041FN2GTJF437B6ME6WT',
  planned: '01M7WP06490K3JPQT8DGCF2NWB',
  staged: '01M7WP07RVJR2YJF1VR3K83FBR',
  loaded: '01M7WP0B059JE5FZ1CT314YE78',
} as const;

const expected = (name: string): Promise<string> => readFile(join(firstFormat, 'expected', name), 'utf8');

/** The project and the jobs of the first format, nothing done to them yet. */
async function firstSite(): Promise<Site> {
  const site = await tenant.site({ config: { tenant: firstTenant } });
  await rm(site.project, { recursive: true });
  await copyFirstProject(site.project);
  await copyFirstState(site.stateDir);
  return site;
}

const nothingLeft = (): Promise<void> =>
  expectNothingLeft({
    address: inject('containerdAddress'),
    namespace: `componentd-${firstTenant}`,
    cgroupPrefix: `/componentd/${firstTenant}`,
    tempDirectory: tenant.folder,
  });

test('a project of the first format is refused with the way out, upgraded, and says what it said', async () => {
  const site = await firstSite();
  for (const args of [
    ['storage', 'ls'],
    ['run', 'test.main', '--config', '13'],
    ['config', 'ls'],
  ]) {
    const refused = await site.run(args);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/older format 1, this version reads format \d+\n {2}.*componentd project upgrade/);
  }
  expect(await site.ask(['project', 'upgrade', '--dry-run'])).toMatchObject({ from: 1, dryRun: true });
  expect((await site.run(['project', 'upgrade'])).stdout).toMatch(/^upgraded .* from format 1 to \d+:\n/);
  expect((await site.run(['project', 'upgrade'])).stdout).toMatch(/has format \d+ already/);
  for (const name of await readdir(join(firstFormat, 'expected'))) {
    if (name.endsWith('.csv')) expect(await site.table(name.slice(0, -4)), name).toBe(await expected(name));
  }
  expect((await site.run(['storage', 'export', '--file', '1'])).stdout).toBe(await expected('photo.bin'));
  const answers = {
    'storage.json': ['storage', 'ls'],
    'components.json': ['component', 'ls'],
    'configuration-12.json': ['config', 'show', 'test.main', '12'],
    'configuration-13.json': ['config', 'show', 'test.main', '13'],
  };
  for (const [name, args] of Object.entries(answers)) {
    // An answer may say more than it did.
    expect(JSON.parse((await site.run(['--json', ...args])).stdout), name).toMatchObject(
      JSON.parse(await expected(name)),
    );
  }
  for (const path of [site.stateDir, site.project]) await rm(path, { recursive: true });
}, 120_000);

describe('jobs of the first format', () => {
  test('go on where they stopped, and answer what they came to', async () => {
    const site = await firstSite();
    await site.ask(['project', 'upgrade']);
    await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
    const resume = async (job: string): Promise<unknown> => (await site.run(['--json', 'resume', job])).lines.at(-1);
    expect(await site.ask(['show', jobs.finished])).toMatchObject({ status: 'success', plan: { token: { id: '1' } } });
    expect((await site.run(['logs', jobs.finished])).stdout).toContain('the token has 45 characters');
    expect(await resume(jobs.finished)).toMatchObject({ outcome: 'success', component: 'test.main' });
    expect(await resume(jobs.loaded)).toMatchObject({ outcome: 'success', output: { tables: [{ importedRows: 1 }] } });
    // Its data was not synced when the machine was started anew.
    expect(await resume(jobs.staged)).toMatchObject({ outcome: 'lost', exitCode: 3 });
    expect(await resume(jobs.planned)).toMatchObject({ outcome: 'success' });
    expect(await site.table('out.c-first.thirteen')).toBe(await expected('out.c-first.thirteen.csv'));
    await nothingLeft();
  });

  test('are swept like those of today', async () => {
    const site = await firstSite();
    await site.ask(['project', 'upgrade']);
    const swept = await site.run(['--json', 'sweep']);
    expect(swept.code, swept.stderr).toBe(0);
    const found = swept.lines.filter(({ kind }) => kind === 'job').map(({ id }) => id);
    expect(found).toEqual([jobs.planned, jobs.staged, jobs.loaded]);
    for (const job of found) expect((await site.run(['resume', job])).code).toBe(3);
    await nothingLeft();
  });

  test('cannot be resumed before their project is upgraded, and can afterwards', async () => {
    const site = await firstSite();
    const refused = await site.run(['resume', jobs.loaded]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('componentd project upgrade') });
    await site.ask(['project', 'upgrade']);
    expect((await site.run(['resume', jobs.loaded])).code).toBe(0);
    await site.ask(['sweep']);
  });
});

test('a container of a newer format is left to a newer version, wherever its job is', async () => {
  const site = await tenant.site();
  const address = inject('containerdAddress');
  const containerd = connectContainerd({ address, namespace: `componentd-${tenant.name}` });
  const id = 'of-a-newer-version';
  const labels = {
    'componentd.job': ulid(),
    'componentd.folder': join(site.folder, 'gone'),
    'componentd.formatVersion': '99',
  };
  const runtime = { name: 'io.containerd.runc.v2' };
  await containerd.call('Containers.Create', { container: { id, labels, runtime, spec: anyOfJson(specType, {}) } });
  try {
    const swept = await site.run(['sweep']);
    expect(swept).toMatchObject({ code: 3, stderr: expect.stringContaining('has the format 99') });
    expect((await containerd.call('Containers.List', {})).containers.map((one) => one.id)).toEqual([id]);
  } finally {
    await containerd.call('Containers.Delete', { id });
    containerd.close();
  }
});

test('a job of a newer format is refused by name, and left alone by a sweep', async () => {
  const site = await firstSite();
  await site.ask(['project', 'upgrade']);
  for (const job of Object.values(jobs)) {
    if (job !== jobs.planned) await rm(join(site.stateDir, 'jobs', job), { recursive: true });
  }
  const path = join(site.stateDir, 'jobs', jobs.planned, 'journal.ndjson');
  const old = await Journal.open(path, 'existing');
  const plan = { ...(old.find('step', 'plan')?.value as object), formatVersion: 99 };
  await old[Symbol.asyncDispose]();
  await rm(path);
  {
    await using journal = await Journal.open(path, 'create');
    await journal.step('plan', () => plan);
  }
  const written = await readFile(path);
  const resumed = await site.run(['resume', jobs.planned]);
  expect(resumed).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/job 01M7\w+ has the format 99.*\n {2}.*newer/),
  });
  const swept = await site.run(['sweep']);
  expect(swept).toMatchObject({ code: 3, stderr: expect.stringContaining('has the format 99') });
  expect(await readFile(path)).toEqual(written);
  for (const path of [site.stateDir, site.project]) await rm(path, { recursive: true });
});
