import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Ran } from '../support/cli.ts';
import { shell, untilLetGo } from '../support/components.ts';
import { type Given, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

async function prepare(site: Site): Promise<void> {
  await site.define('test.main', { forward_token: true, forward_token_details: true });
  await site.define('test.bucket', { default_bucket: true });
  const rows = await site.file('rows.csv', 'id\n1\n2\n');
  for (const table of ['in.c-open.t', 'in.c-secret.t', 'out.c-mine.t'])
    await site.ask(['storage', 'import', table, rows]);
}

interface Holder {
  readonly id: string;
  /** Gives a command the token. */
  readonly env: NodeJS.ProcessEnv;
}

async function holder(site: Site, ...flags: readonly string[]): Promise<Holder> {
  const { token, secret } = await site.ask(['storage', 'token', 'create', '--description', 'nightly', ...flags]);
  return { id: token.id, env: { COMPONENTD_TOKEN: secret } };
}

const reader = ['--read', 'in.c-open', '--write', 'out.c-mine', '--configurations', 'run'];
const script = 'cat in/tables/t.csv > out/tables/t.csv; echo "{\\"n\\": 1}" > out/state.json';
const mapping = (source: string, destination: string): object => ({
  input: { tables: [{ source, destination: 't.csv' }] },
  output: { tables: [{ source: 't.csv', destination }] },
});
const configuration = (source: string, destination: string, run = script): object => ({
  parameters: shell(run),
  storage: mapping(source, destination),
});

async function setConfig(site: Site, component: string, content: object): Promise<void> {
  await site.ask(['config', 'set', component, '1', '-'], { input: JSON.stringify(content) });
}

const jobsOf = (site: Site): Promise<string[]> => readdir(join(site.stateDir, 'jobs')).catch(() => []);
const runConfig = (site: Site, options: Given): Promise<Ran> =>
  site.run(['--json', 'run', 'test.main', '--config', '1'], options);
const resultOf = ({ lines }: Ran) => lines.find(({ type }) => type === 'result');

describe('a command line with a second token', () => {
  test('does what the token may, and is refused the rest by name', async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, '--read', 'in.c-open', '--write', 'out.c-mine', '--components', 'none');
    const rows = await site.file('more.csv', 'id\n3\n');
    const listed = await site.ask(['storage', 'ls'], { env });
    expect(listed.tables.map(({ id }: { id: string }) => id)).toEqual(['in.c-open.t', 'out.c-mine.t']);
    expect(listed.buckets.map(({ id }: { id: string }) => id)).toEqual(['in.c-open', 'out.c-mine']);
    expect((await site.run(['storage', 'export', 'in.c-open.t'], { env })).stdout).toBe('"id"\n"1"\n"2"\n');
    expect((await site.run(['storage', 'import', 'out.c-mine.t', rows], { env })).code).toBe(0);
    const refused: readonly (readonly [readonly string[], string])[] = [
      [['storage', 'export', 'in.c-secret.t'], 'read bucket in.c-secret'],
      [['storage', 'export', 'in.c-none.t'], 'read bucket in.c-none'],
      [['storage', 'show', 'in.c-secret.t'], 'read bucket in.c-secret'],
      [['storage', 'import', 'in.c-open.t', rows], 'write bucket in.c-open'],
      [['storage', 'import', 'in.c-secret.t', rows], 'write bucket in.c-secret'],
      [['storage', 'token', 'create', '--description', 'x'], 'manage tokens'],
      [['component', 'ls'], 'read component definitions'],
      [['component', 'add', '-'], 'write component definitions'],
      [['config', 'ls'], 'read configurations'],
      [['config', 'show', 'test.main', '1'], 'read configurations'],
      [['config', 'set', 'test.main', '1', '-'], 'write configurations'],
      [['plan', '-'], 'read component definitions'],
      [['run', '-'], 'read component definitions'],
    ];
    const definition = { id: 'test.main', data: { definition: { type: 'dockerhub', uri: 'a/b', tag: '1' } } };
    for (const [args, what] of refused) {
      const body = { component: 'test.main', configData: {} };
      const input = JSON.stringify(args.includes('add') ? definition : args[0] === 'config' ? {} : body);
      const ran = await site.run(args, { env, input });
      expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({
        args,
        code: 1,
        stderr: expect.stringMatching(
          new RegExp(`the token "nightly" \\(\\d+\\) may not ${what}\\n {2}It was made without`),
        ),
      });
    }
    expect(await site.table('in.c-open.t')).toBe('"id"\n"1"\n"2"\n');
    expect(await jobsOf(site)).toEqual([]);
  });

  test('takes it from a private file, which counts more than the environment', async () => {
    const site = await tenant.site({ prepare });
    const path = join(site.folder, 'a.token');
    const made = await site.ask(['storage', 'token', 'create', '--description', 'x', '--read', 'in.*', '-o', path]);
    expect(made).not.toHaveProperty('secret');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const env = { COMPONENTD_TOKEN: '1-wrong' };
    const listed = await site.ask(['--token-file', path, 'storage', 'ls'], { env });
    expect(listed.tables).toHaveLength(2);
    expect((await site.run(['storage', 'ls'], { env })).stderr).toContain(
      'the secret in COMPONENTD_TOKEN is of no token',
    );
    const shared = await site.file('shared.token', await readFile(path));
    expect((await site.run(['--token-file', shared, 'storage', 'ls'])).stderr).toContain(`chmod 600 ${shared}`);
    const again = await site.run(['storage', 'token', 'create', '--description', 'y', '-o', path]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
    expect((await site.ask(['storage', 'token', 'ls'])).tokens).toHaveLength(2);
  });

  test('is refused as soon as the token is renewed or revoked', async () => {
    const site = await tenant.site({ prepare });
    const { id, env } = await holder(site, '--read', '*');
    const renewed = await site.ask(['storage', 'token', 'refresh'], { env });
    expect((await site.run(['storage', 'ls'], { env })).code).toBe(1);
    const fresh = { COMPONENTD_TOKEN: renewed.secret };
    expect((await site.ask(['storage', 'token', 'show'], { env: fresh })).token).toMatchObject({ id, isValid: true });
    expect(await site.ask(['storage', 'token', 'rm', id])).toMatchObject({ removed: [id] });
    expect((await site.run(['storage', 'ls'], { env: fresh })).code).toBe(1);
    await site.ask(['storage', 'token', 'refresh']);
    await site.ask(['storage', 'ls']);
  });
});

describe('a job under a second token', () => {
  test('runs with its rights, saves its state, and names it in plan, containers and result', async () => {
    const site = await tenant.site({ prepare });
    const { id, env } = await holder(site, ...reader);
    const told = `${script}; echo "$KBC_TOKENID $KBC_TOKENDESC"`;
    await setConfig(site, 'test.main', configuration('in.c-open.t', 'out.c-mine.copy', told));
    const ran = await runConfig(site, { env });
    expect(resultOf(ran), ran.stdout + ran.stderr).toMatchObject({
      outcome: 'success',
      token: { id, description: 'nightly' },
    });
    expect(ran.lines.find(({ type }) => type === 'log')?.message).toBe(`${id} nightly`);
    expect(await site.table('out.c-mine.copy')).toBe('"id"\n"1"\n"2"\n');
    const plan = JSON.parse((await site.run(['plan', 'test.main', '--config', '1'], { env })).stdout);
    expect(plan.token).toEqual({ id, description: 'nightly' });
    const shown = JSON.parse((await site.run(['--json', 'config', 'show', 'test.main', '1'])).stdout);
    expect(shown.state.component).toEqual({ n: 1 });
  });

  test('is told everything that it may not before it starts', async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, '--read', 'in.c-open', '--configurations', 'read');
    await setConfig(site, 'test.bucket', configuration('in.c-secret.t', 'in.c-open.copy'));
    for (const verb of ['plan', 'run']) {
      const ran = await site.run([verb, 'test.bucket', '--config', '1'], { env });
      expect(ran.code).toBe(1);
      for (const what of [
        'input.tables.0.source: the token "nightly" (2) may not read bucket in.c-secret',
        'output.tables.0.destination: the token "nightly" (2) may not write bucket in.c-open',
        'output.default_bucket: the token "nightly" (2) may not write bucket in.c-test-bucket-1',
        'the token "nightly" (2) may not save the state of configurations',
      ])
        expect(ran.stderr).toContain(what);
    }
    expect(await jobsOf(site)).toEqual([]);
  });

  test('is refused at the load what only a manifest said, and leaves nothing', async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, ...reader);
    const sly = `echo id > out/tables/a.csv; echo 9 >> out/tables/a.csv; echo id > out/tables/b.csv
      echo '{"destination":"out.c-mine.a"}' > out/tables/a.csv.manifest
      echo '{"destination":"in.c-secret.t"}' > out/tables/b.csv.manifest`;
    const ran = await site.script(sly, {}, { env });
    expect(ran.code).toBe(1);
    expect(ran.result).toMatchObject({
      outcome: 'user_error',
      message: expect.stringContaining('the token "nightly" (2) may not write bucket in.c-secret'),
    });
    const { tables } = await site.ask(['storage', 'ls']);
    expect(tables.map(({ id }: { id: string }) => id)).toEqual(['in.c-open.t', 'in.c-secret.t', 'out.c-mine.t']);
  });

  test('sees its own files only', async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, ...reader);
    const add = async (name: string, options: Given): Promise<number> =>
      (await site.ask(['storage', 'import', '--file', await site.file(name, name), '--tag', 'given'], options)).file;
    const [theirs, mine] = [await add('theirs', {}), await add('mine', { env })];
    const tagged = { storage: { input: { files: [{ tags: ['given'], processed_tags: ['done'] }] } } };
    const ran = await site.script('ls in/files; echo made > out/files/made', tagged, { env });
    expect(ran.result, ran.stdout).toMatchObject({ outcome: 'success' });
    expect(ran.lines.filter(({ type }) => type === 'log').map(({ message }) => message)).toEqual([
      `${mine}_mine`,
      `${mine}_mine.manifest`,
    ]);
    const { files } = await site.ask(['storage', 'ls']);
    const tags = Object.fromEntries(files.map((file: { id: number; tags: string[] }) => [file.id, file.tags]));
    expect([tags[theirs], tags[mine]]).toEqual([['given'], ['given', 'done']]);
    expect((await site.ask(['storage', 'ls'], { env })).files).toHaveLength(2);
    const byId = { storage: { input: { files: [{ file_ids: [theirs] }] } } };
    const refused = await site.script('true', byId, { env });
    expect(refused.stderr + refused.stdout).toContain(`there is no file ${theirs}`);
  });

  test('that is revoked or expires in the middle ends as a user error, nothing half done', async () => {
    const site = await tenant.site({ prepare });
    const waiting = `${script}; echo begun; ${untilLetGo}`;
    await setConfig(site, 'test.main', configuration('in.c-open.t', 'out.c-mine.copy', waiting));
    const [revoked, expiring] = [await holder(site, ...reader), await holder(site, ...reader, '--expires', '1 hour')];
    const jobs = [expiring, revoked].map(({ env }) =>
      site.start(['--json', 'run', 'test.main', '--config', '1'], { env }),
    );
    for (const job of jobs) await job.line((line) => line.type === 'log' && line.message === 'begun');
    await site.ask(['storage', 'token', 'rm', revoked.id]);
    const catalogue = new DatabaseSync(join(site.project, 'catalogue.sqlite'), { timeout: 10_000 });
    catalogue.prepare('UPDATE tokens SET expires = ? WHERE id = ?').run(Date.now(), Number(expiring.id));
    catalogue.close();
    for (const job of await jobsOf(site)) await site.letGo(job);
    const [expired, gone] = await Promise.all(jobs.map((job) => job.done));
    expect(gone).toMatchObject({ code: 1 });
    expect(resultOf(gone as Ran)?.message).toContain(`the token "nightly" (${revoked.id}) was revoked`);
    expect(expired).toMatchObject({ code: 1 });
    expect(resultOf(expired as Ran)?.message).toMatch(/the token "nightly" \(\d+\).* expired on /);
    const { tables } = await site.ask(['storage', 'ls']);
    expect(tables.map(({ id }: { id: string }) => id)).not.toContain('out.c-mine.copy');
    const shown = JSON.parse((await site.run(['--json', 'config', 'show', 'test.main', '1'])).stdout);
    expect(shown.state).toEqual({});
  });
});

describe('the token of a job file', () => {
  test('is honoured for whoever may act for it', async () => {
    const site = await tenant.site({ prepare });
    const { id, env } = await holder(site, ...reader);
    const other = await holder(site, ...reader);
    const body = { component: 'test.main', configData: configuration('in.c-open.t', 'out.c-mine.copy'), token: id };
    expect((await site.job(body)).result).toMatchObject({ outcome: 'success', token: { id } });
    expect((await site.job(body, { env })).result).toMatchObject({ outcome: 'success', token: { id } });
    const refused = await site.job(body, { env: other.env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`there is no token "${id}"`) });
    const sly = { ...body, configData: configuration('in.c-secret.t', 'out.c-mine.copy') };
    expect((await site.job(sly)).stderr).toContain('may not read bucket in.c-secret');
    expect((await site.job({ ...body, token: '99' })).stderr).toContain('there is no token "99"');
  });

  test('holds for a job that is resumed, also when it is gone by then', async () => {
    const site = await tenant.site({ prepare });
    const { id, env } = await holder(site, ...reader);
    const other = await holder(site, '--read', '*', '--configurations', 'read');
    const body = { component: 'test.main', configData: configuration('in.c-open.t', 'out.c-mine.copy') };
    const kill = async (crashAt: string): Promise<string> => {
      const before = await jobsOf(site);
      expect((await site.job(body, { env, crashAt })).code).toBe(137);
      return (await jobsOf(site)).find((job) => !before.includes(job)) as string;
    };
    const [first, second] = [await kill('recorded row/0/outputs'), await kill('recorded row/0/outputs')];
    const begun = await kill('recorded plan');
    const refused = await site.run(['resume', first], { env: other.env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`there is no token "${id}"`) });
    expect(resultOf(await site.run(['--json', 'resume', first]))).toMatchObject({ outcome: 'success', token: { id } });
    await site.ask(['storage', 'token', 'rm', id]);
    for (const job of [second, begun, begun]) {
      const resumed = await site.run(['--json', 'resume', job]);
      expect(resumed.code).toBe(1);
      expect(resultOf(resumed)?.message).toContain(`the token "nightly" (${id}) was revoked`);
    }
  });
});

describe('KBC_TOKEN', () => {
  /** Starts a job that shows its token in its data folder; answers it and how to end the job. */
  async function forwarded(site: Site, env: NodeJS.ProcessEnv) {
    const run =
      'echo "$KBC_TOKEN" > out/tables/x; echo begun; i=0; while [ ! -f out/end ] && [ $i -lt 600 ]; do i=$((i + 1)); usleep 50000; done; rm -f out/tables/x out/end';
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell(run) } }, { env });
    await job.line((line) => line.type === 'log' && line.message === 'begun');
    const data = join(site.stateDir, 'jobs', await site.onlyJob(), 'row-0', 'data');
    const token = (await readFile(join(data, 'out/tables/x'), 'utf8')).trim();
    return { job, env: { COMPONENTD_TOKEN: token }, end: () => writeFile(join(data, 'out/end'), '') };
  }

  test("has the rights of the job's token while the job runs, and none afterwards", async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, ...reader, '--manage-tokens');
    const { job, env: own, end } = await forwarded(site, env);
    expect((await site.ask(['storage', 'ls'], { env: own })).tables).toHaveLength(2);
    const refused = await site.run(['storage', 'export', 'in.c-secret.t'], { env: own });
    expect(refused.stderr).toMatch(/the token "job 01\w+" \(\d+\) may not read bucket in.c-secret/);
    const made = await site.run(['storage', 'token', 'create', '--description', 'stays'], { env: own });
    expect(made.stderr).toContain('may not manage tokens');
    expect((await site.run(['storage', 'token', 'refresh'], { env: own })).code).toBe(1);
    await end();
    expect((await job.done).code).toBe(0);
    expect((await site.run(['storage', 'ls'], { env: own })).stderr).toContain('is of no token');
  });

  test('is swept with a job that was killed', async () => {
    const site = await tenant.site({ prepare });
    const { env } = await holder(site, ...reader);
    const { job, env: own } = await forwarded(site, env);
    job.kill('SIGKILL');
    await job.done;
    await site.ask(['storage', 'ls'], { env: own });
    await delay(100);
    await site.ask(['sweep']);
    expect((await site.run(['storage', 'ls'], { env: own })).code).toBe(1);
  });
});
