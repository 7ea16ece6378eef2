import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useAlone } from '../support/alone.ts';
import { buildGit, gitImage } from '../support/git-image.ts';
import { type GitServer, serveGit } from '../support/git-server.ts';
import { nodeAddress, type Outside, openOutside } from '../support/outside.ts';
import { type JobRun, networksOf, type Site, useTenant } from '../support/site.ts';

useAlone('networks');

const tenant = useTenant(import.meta.filename);
const user = 'joe@example.org';
const password = 'c4nary/Of:Git#';

let beside: Outside;
let git: GitServer;
let archive: string;
beforeAll(async () => {
  beside = await openOutside();
  git = await serveGit(user, password);
  archive = await buildGit(tenant.folder);
});
afterAll(async () => {
  await git[Symbol.asyncDispose]();
  await beside[Symbol.asyncDispose]();
});

const url = (path: string): string => `http://${nodeAddress}:${git.port}/${path}`;

async function site(): Promise<Site> {
  const networks = { ...networksOf(tenant.name), bridgeAllow: [`${nodeAddress}:${git.port}`] };
  const here = await tenant.site({ config: { networks } });
  await here.ask(['image', 'import', archive]);
  return here;
}

const clone =
  'git clone -q {{repository}} app || { echo "KBC::USER_ERR:Cannot clone {{repository}}.KBC::USER_ERR"; exit 1; }';

async function defineCommands(here: Site, options: object, data: object = {}): Promise<void> {
  const [uri, tag] = gitImage.split(':');
  const build_options = {
    parent_type: 'dockerhub',
    repository: { uri: url('public'), type: 'git' },
    entry_point: '/bin/sh /home/app/main.sh',
    commands: [clone, 'cd app && git -c advice.detachedHead=false checkout -q {{version}}'],
    parameters: [{ name: 'version', type: 'plain_string', required: true }],
    network: 'bridge',
    ...options,
  };
  await here.define('test.built', { definition: { type: 'builder', uri, tag, build_options }, ...data });
}

const run = (here: Site, configData: object): Promise<JobRun> => here.job({ component: 'test.built', configData });
const said = ({ lines }: JobRun, type: string): readonly string[] =>
  lines.filter((line) => line.type === type).map(({ message }) => message);

describe('a component of commands', () => {
  test('runs what branch, tag and commit mean, and is built once for each commit', async () => {
    const here = await site();
    await defineCommands(here, {});
    const first = await git.commit('public', { 'main.sh': 'echo first $APP_VERSION in $(pwd)' }, { tag: '1.0' });
    await git.commit('public', { 'main.sh': 'echo second' });
    const built = await run(here, { parameters: {}, runtime: { version: '1.0' } });
    expect(built.code, built.stdout + built.stderr).toBe(0);
    expect(said(built, 'log')).toEqual(['first 1.0 in /data']);
    expect(said(built, 'build').join('\n')).toContain('STEP');
    console.log(built.durationMs, first);
    const again = await run(here, { parameters: {}, runtime: { version: '1.0' } });
    expect(said(again, 'log')).toEqual(['first 1.0 in /data']);
    expect(said(again, 'build')).toEqual([]);
    console.log(again.durationMs);
  });
});
