import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useAlone } from '../support/alone.ts';
import { buildGit, gitImage, namesIn, unpackLayers } from '../support/git-image.ts';
import { type GitServer, serveGit } from '../support/git-server.ts';
import { nodeAddress, type Outside, openOutside, outside } from '../support/outside.ts';
import { isEverythingRequired } from '../support/releases.ts';
import { filesWith, type JobRun, networksOf, type Site, useTenant } from '../support/site.ts';

useAlone('networks');

const missing = ['buildah', 'git'].filter((program) => !existsSync(`/usr/bin/${program}`));
const isLeftOut = missing.length > 0 && !isEverythingRequired;
const why = isLeftOut ? ` (skipped: there is no ${missing.join(', no ')})` : '';

const tenant = useTenant(import.meta.filename);
const user = 'joe@example.org';
const password = 'c4nary/Of:Git#';
const token = "c4nary' of $the build";

let beside: Outside;
let git: GitServer;
let archive: string;
beforeAll(async () => {
  if (isLeftOut) return;
  beside = await openOutside();
  git = await serveGit(user, password);
  archive = await buildGit(tenant.folder);
});
afterAll(async () => {
  if (isLeftOut) return;
  await git[Symbol.asyncDispose]();
  await beside[Symbol.asyncDispose]();
});

const url = (path: string): string => `http://${nodeAddress}:${git.port}/${path}`;

async function site(more: object = {}): Promise<Site> {
  const networks = { ...networksOf(tenant.name), bridgeAllow: [`${nodeAddress}:${git.port}`] };
  const here = await tenant.site({ config: { networks, ...more } });
  await here.ask(['image', 'import', archive]);
  return here;
}

const clone =
  'git clone -q {{repository}} . || { echo "KBC::USER_ERR:Cannot clone {{repository}}.KBC::USER_ERR"; exit 1; }';

async function defineCommands(here: Site, options: object, data: object = {}): Promise<void> {
  const [uri, tag] = gitImage.split(':');
  const build_options = {
    parent_type: 'dockerhub',
    repository: { uri: url('public'), type: 'git' },
    entry_point: '/bin/sh /home/main.sh',
    commands: [clone, 'git -c advice.detachedHead=false checkout -q {{version}}'],
    parameters: [{ name: 'version', type: 'plain_string', required: true }],
    network: 'bridge',
    ...options,
  };
  await here.define('test.built', { definition: { type: 'builder', uri, tag, build_options }, ...data });
}

const jobOf = (configData: object): object => ({ component: 'test.built', configData });
const run = (here: Site, configData: object): Promise<JobRun> => here.job(jobOf(configData));
const said = ({ lines }: JobRun, type: string): readonly string[] =>
  lines.filter((line) => line.type === type).map(({ message }) => message);

/** The name of the one image that was built here. */
async function builtImage(here: Site): Promise<string> {
  const { stdout } = await here.run(['--json', 'image', 'ls']);
  const [name] = /componentd\.invalid\/built\/[a-z-]+:[0-9a-f]+/.exec(stdout) ?? [];
  return name ?? '';
}

/** Command lines that name something below a folder. */
async function processesAt(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(folder));
}

describe.skipIf(isLeftOut)(`a component of commands${why}`, () => {
  test('runs what branch, tag and commit mean, and is built once for each commit, whoever wants it at once', async () => {
    const here = await site();
    await defineCommands(here, {});
    const first = await git.commit('public', { 'main.sh': 'echo first $APP_VERSION in $(pwd)' }, { tag: '1.0' });
    await git.commit('public', { 'main.sh': 'echo second' }, { branch: 'next' });
    const both = await Promise.all([1, 2].map(() => run(here, { runtime: { version: '1.0' } })));
    const [built, other] = both.sort((one, two) => said(two, 'build').length - said(one, 'build').length) as [
      JobRun,
      JobRun,
    ];
    expect(built.code, built.stdout + built.stderr).toBe(0);
    expect([said(other, 'log'), said(other, 'build')]).toEqual([['first 1.0 in /data'], []]);
    expect(said(built, 'log')).toEqual(['first 1.0 in /data']);
    expect(said(built, 'build').join('\n')).toContain('STEP');
    const again = await run(here, { runtime: { version: '1.0' } });
    expect([said(again, 'log'), said(again, 'build')]).toEqual([['first 1.0 in /data'], []]);
    expect(again.result.images).toEqual(built.result.images);
    expect(said(await run(here, { runtime: { version: first } }), 'log')).toEqual([`first ${first} in /data`]);
    expect(said(await run(here, { runtime: { version: 'next' } }), 'log')).toEqual(['second']);
  });

  test('has credentials that nobody finds anywhere', async () => {
    const here = await site();
    await git.commit('private/app', { 'main.sh': 'echo secretly; cat /home/secret' });
    const seen: string[] = [];
    const ps = setInterval(async () => {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
        seen.push(await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''));
    }, 50);
    const unreachable = [`${outside.metadata} ${outside.port}`, `${nodeAddress} ${beside.nodePort}`];
    const commands = [
      clone,
      unreachable.map((place) => `if nc -w 1 ${place} </dev/null; then exit 9; fi`).join('; '),
      'cat /tmp/.git-credentials; git config credential.helper; env',
      "echo {{#token}} | md5sum > secret; printf '%s\n' {{#token}} 'a\nb'; sleep 0.3",
    ];
    const parameters = [{ name: '#token', type: 'argument' }];
    const repository = { uri: url('private/app'), type: 'git', username: user, '#password': password };
    await defineCommands(here, { repository, commands, parameters });
    const planned = await here.run(['plan', '-'], {
      input: JSON.stringify(jobOf({ parameters: { '#token': token } })),
    });
    expect(planned.code, planned.stderr).toBe(0);
    const built = await run(here, { parameters: { '#token': token } });
    clearInterval(ps);
    expect(built.code, built.stdout + built.stderr).toBe(0);
    const md5 = createHash('md5').update(`${token}\n`).digest('hex');
    expect(said(built, 'log')).toEqual(['secretly', `${md5}  -`]);
    expect(said(built, 'build').join('\n')).toContain('[hidden]');
    const exported = join(tenant.folder, 'built.tar');
    await here.ask(['image', 'export', await builtImage(here), '--output', exported]);
    const layers = join(tenant.folder, 'layers');
    await unpackLayers(exported, layers);
    for (const secret of [password, encodeURIComponent(password), token])
      for (const spelling of [
        secret,
        Buffer.from(secret).toString('base64'),
        Buffer.from(`x${secret}`).toString('base64').slice(4, -4),
      ]) {
        for (const text of [planned.stdout, built.stdout, built.stderr, ...seen]) expect(text).not.toContain(spelling);
        for (const folder of [here.stateDir, layers]) expect(await filesWith(folder, spelling)).toEqual([]);
      }
    expect(seen.filter((line) => line.includes('buildah')).length).toBeGreaterThan(0);
    expect(await namesIn(layers)).not.toContainEqual(expect.stringContaining('.git-credentials'));
    expect(git.requests.some((line) => line.startsWith('401'))).toBe(true);
  });

  test('that may not read its repository says so, and nothing is kept', async () => {
    const here = await site();
    await git.commit('private/app', { 'main.sh': 'echo secretly' });
    const commands = [clone];
    const repository = { uri: url('private/app'), type: 'git', username: user, '#password': 'wrong' };
    await defineCommands(here, { repository, commands, parameters: [] });
    const failed = await run(here, {});
    expect(failed.code, failed.stdout + failed.stderr).toBe(1);
    expect(failed.result.message).toBe(`Cannot clone ${url('private/app')}.`);
    await defineCommands(here, { commands: ['echo one; exit 3'], parameters: [] });
    const broken = await run(here, {});
    expect(broken.code).toBe(2);
    const { stdout } = await here.run(['logs', 'latest']);
    expect(stdout).toContain('build of test.built | one\n');
    await defineCommands(here, { commands: ['echo {{left}}'], parameters: [{ name: 'size', type: 'int' }] });
    const wrong = await run(here, { parameters: {} });
    expect(wrong.code).toBe(1);
    for (const problem of ['"size" has no value', '{{left}}']) expect(wrong.stderr).toContain(problem);
  });

  test('is built without any network, and within its time', async () => {
    const here = await site({ policy: 'hardened' });
    const alone = 'for file in /sys/class/net/* /proc/net/dev; do cat $file; done 2>/dev/null | grep -c : >/home/count';
    await defineCommands(here, {
      network: undefined,
      commands: [alone],
      parameters: [],
      entry_point: 'cat /home/count',
    });
    const built = await run(here, {});
    expect(built.code, built.stdout + built.stderr).toBe(0);
    expect(said(built, 'log')).toEqual(['1']);
    const hurried = await site({ images: { build: { seconds: 3 } } });
    await defineCommands(hurried, { network: 'none', commands: ['sleep 60'], parameters: [] });
    const late = await run(hurried, {});
    expect([late.code, late.result.outcome]).toEqual([1, 'timeout']);
    expect(late.result.message).toContain('took more than 3 seconds');
  });
});

describe.skipIf(isLeftOut)(`a repository with a Dockerfile${why}`, () => {
  const dockerfile = `
ARG BASE=nothing
FROM \${BASE} AS made
RUN echo made by $(cat /proc/self/uid_map) >/made
FROM test/shell:1
ARG greeting
ARG TOKEN
COPY --from=made /made /made
COPY . /app
RUN --mount=type=secret,id=key,target=/key md5sum </key >/sum
ENV greeting=$greeting
WORKDIR /data
ENTRYPOINT ["/bin/sh", "/app/main.sh"]
`;

  test('is built by branch, tag and commit', async () => {
    const here = await site();
    const files = { 'image/Dockerfile': dockerfile, 'main.sh': 'cat /made /sum; ls -A /app; echo $greeting' };
    const commit = await git.commit('private/docker', files, { tag: 'v1' });
    await git.commit('private/docker', { 'more.txt': 'x', 'hooks/post-checkout': 'exit 1' }, { branch: 'feature/x' });
    const define = async (version: string): Promise<void> =>
      await defineCommands(here, {
        repository: { uri: url('private/docker'), type: 'git', username: user, '#password': password },
        commands: [],
        entry_point: undefined,
        dockerfile: 'image/Dockerfile',
        version,
        network: 'none',
        parameters: [
          { name: 'BASE', type: 'string', default_value: gitImage },
          { name: 'greeting', type: 'plain_string' },
          { name: '#key', type: 'string' },
        ],
      });
    const md5 = createHash('md5').update(token).digest('hex');
    const config = { parameters: { greeting: 'hello', '#key': token } };
    for (const version of ['v1', commit, 'feature/x']) {
      await define(version);
      const built = await run(here, config);
      expect(built.code, built.stdout + built.stderr).toBe(0);
      const more = version === 'feature/x' ? ['hooks', 'image', 'main.sh', 'more.txt'] : ['image', 'main.sh'];
      const ids = expect.stringMatching(/^made by 0 (?!0 )\d+ 65536$/);
      expect(said(built, 'log')).toEqual([ids, `${md5}  -`, ...more, 'hello']);
    }
    const again = await run(here, config);
    expect([again.code, said(again, 'build')]).toEqual([0, []]);
    await git.commit('private/docker', { 'image/Dockerfile': 'FROM 127.0.0.1:1/secret' }, { branch: 'hostile' });
    await define('hostile');
    const refused = await run(here, config);
    expect([refused.code, refused.result.message]).toEqual([
      1,
      expect.stringContaining('images of 127.0.0.1:1 are not allowed'),
    ]);
    await define('nowhere');
    const failed = await run(here, config);
    expect([failed.code, failed.result.message]).toEqual([
      1,
      expect.stringContaining('no branch, tag or commit "nowhere"'),
    ]);
  });
});

describe.skipIf(isLeftOut)(`a build that is killed${why}`, () => {
  test('is swept, or begun anew by who resumes the job', async () => {
    const here = await site();
    await defineCommands(here, {
      network: 'bridge',
      commands: ['echo begun; sleep 4'],
      parameters: [],
      entry_point: 'echo done',
    });
    for (const next of ['sweep', 'resume']) {
      const running = here.startJob(jobOf({}));
      await running.line((line) => line.type === 'build' && line.message === 'begun');
      running.kill('SIGKILL');
      await running.done;
      await expect.poll(() => processesAt(here.stateDir)).toEqual([]);
      if (next === 'sweep') {
        await here.ask(['sweep']);
        await rm(join(here.stateDir, 'jobs'), { recursive: true });
      } else {
        const resumed = await here.run(['--json', 'resume', await here.onlyJob()]);
        expect(resumed.code, resumed.stdout + resumed.stderr).toBe(0);
        expect(resumed.stdout).toContain('"message":"done"');
      }
    }
  });

  test('by a signal ends at once', async () => {
    const here = await site();
    await defineCommands(here, { commands: ['echo begun; sleep 60 & sleep 60'], parameters: [] });
    const running = here.startJob(jobOf({}));
    await running.line((line) => line.type === 'build' && line.message === 'begun');
    running.kill('SIGTERM');
    const { code, durationMs } = await running.done;
    expect(code).toBe(143);
    expect(durationMs).toBeLessThan(30_000);
  });
});
