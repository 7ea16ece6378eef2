import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { buildShell, shell } from '../support/components.ts';
import { type Ecr, startEcr } from '../support/ecr.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);
const run = promisify(execFile);
const region = 'eu-central-1';
const key = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+canary' };
const users = { AWS: 'ecr-password-canary', reader: 'reader-pa:ss-canary' } as const;
let registry: Registry;
let ecr: Ecr;

beforeAll(async () => {
  const list = join(tenant.folder, 'htpasswd');
  const lines = Object.entries(users).map(
    async ([name, password]) => (await run('htpasswd', ['-Bbn', name, password])).stdout,
  );
  await writeFile(list, (await Promise.all(lines)).join(''));
  [registry, ecr] = await Promise.all([startRegistry({ htpasswd: list }), startEcr(region)]);
  ecr.keys.set(key.id, { secret: key.secret });
  ecr.nextPassword = () => users.AWS;
  const archive = await buildShell(tenant.folder);
  const options = ['--dest-tls-verify=false', '--dest-creds', `reader:${users.reader}`];
  for (const name of ['a', 'b', 'c'])
    await run('skopeo', [
      'copy',
      '-q',
      ...options,
      `oci-archive:${archive}`,
      `docker://${registry.host}/private/${name}:1`,
    ]);
});
afterAll(() => Promise.all([registry.stop(), ecr.stop()]));

/** Nothing that was written or printed holds a secret, in any of its usual spellings. */
async function expectNoCanary(site: Site, printed: string): Promise<void> {
  const secrets = [key.secret, ...Object.values(users), ...Object.entries(users).map((parts) => parts.join(':'))];
  const needles = secrets.flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64'),
    encodeURIComponent(secret),
  ]);
  for (const needle of needles) expect(printed).not.toContain(needle);
  for (const folder of [site.stateDir, site.project, inject('containerdDirectory')]) {
    if (!existsSync(folder)) continue;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const content = await readFile(path);
      expect(
        needles.filter((needle) => content.includes(needle)),
        path,
      ).toEqual([]);
    }
  }
}

const imageOf = (name: string, type: string, repository: object) => ({
  definition: { type, uri: `${registry.host}/private/${name}`, tag: '1', repository },
});

test('an image of ECR is pulled with the key of its definition, and no secret is seen anywhere', async () => {
  const endpoint = `http://${ecr.host}`;
  const site = await tenant.site({ config: { images: { credentials: { [registry.host]: { ecr: { endpoint } } } } } });
  const repository = { username: key.id, '#password': key.secret, region };
  await site.define('test.main', imageOf('a', 'aws-ecr', repository));
  await site.define('test.wrong', imageOf('b', 'aws-ecr', { ...repository, '#password': `${key.secret}-wrong` }));
  const ran = await site.script('echo hello');
  expect(ran.code, ran.stdout).toBe(0);
  expect(ecr.passwords).toEqual([users.AWS]);
  const wrong = await site.job({ component: 'test.wrong', configData: { parameters: shell('true') } });
  expect(wrong).toMatchObject({ code: 1 });
  expect(wrong.stdout).toContain('the secret does not belong to the access key');
  const plan = await site.run(['--json', 'plan', '-'], { input: '{"component":"test.main","configData":{}}' });
  expect(plan.stdout).toContain(key.id);
  await expectNoCanary(site, [ran, wrong, plan].map(({ stdout, stderr }) => stdout + stderr).join());
});

test("the operator's secrets come from files, from Docker's helpers, and from standard input", async () => {
  const bin = join(tenant.folder, 'bin');
  await mkdir(bin);
  const answer = JSON.stringify({ Username: 'reader', Secret: users.reader });
  await writeFile(join(bin, 'docker-credential-canary'), `#!/bin/sh\nprintf '%s' '${answer}'\n`, { mode: 0o755 });
  await writeFile(join(tenant.folder, 'password'), `${users.reader}\n`, { mode: 0o600 });
  const docker = join(tenant.folder, 'docker.json');
  await writeFile(docker, JSON.stringify({ credHelpers: { [registry.host]: 'canary' } }), { mode: 0o600 });
  const passwordFile = join(tenant.folder, 'password');
  const credentials = { [`${registry.host}/private/b`]: { username: 'reader', passwordFile } };
  const site = await tenant.site({ config: { images: { credentials, dockerConfig: docker } } });
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const reference = (name: string): string => `${registry.host}/private/${name}:1`;
  await site.ask(['image', 'pull', reference('b')]);
  await site.ask(['image', 'pull', reference('c')], { env });
  const without = await site.run(['image', 'pull', reference('c')]);
  expect(without).toMatchObject({ code: 3, stderr: expect.stringContaining('docker-credential-canary') });
  // What the command line brings along counts before everything else.
  await site.ask(['image', 'pull', reference('c'), '--username', 'reader'], { input: `${users.reader}\n` });
  const wrong = await site.run(['image', 'pull', reference('c'), '--username', 'reader'], { input: 'x\n' });
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('the given credentials do not allow it') });
  const none = await site.run(['image', 'pull', reference('c'), '--username', 'reader'], { input: '' });
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('no password on standard input') });
  await expectNoCanary(site, [without, wrong, none].map(({ stdout, stderr }) => stdout + stderr).join());
  await site.ask(['image', 'rm', reference('b'), reference('c')]);
});

test('another tenant of the same node has none of them', async () => {
  const site = await tenant.site({ config: { tenant: `${tenant.name}-b` } });
  const refused = await site.run(['image', 'pull', `${registry.host}/private/b:1`]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('it needs credentials') });
});
