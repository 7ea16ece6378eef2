import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { pushImage } from '../../scripts/lib/push-image.ts';
import { buildShell, shell } from '../support/components.ts';
import { type Site, type SiteSettings, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);
const registry = inject('registryHost');

/** A site whose component `test.pulled` has an image of the registry. */
async function siteOnRegistry(name: string, settings?: SiteSettings): Promise<{ site: Site; reference: string }> {
  await pushImage(await buildShell(tenant.folder, { 'etc/name': name }), `http://${registry}`, `local/${name}:1`);
  const site = await tenant.site(settings);
  const uri = `${registry}/local/${name}`;
  await site.define('test.pulled', { definition: { type: 'dockerhub', uri, tag: '1' } });
  return { site, reference: `${uri}:1` };
}

const job = (script: string): object => ({ component: 'test.pulled', configData: { parameters: shell(script) } });

test('an image stays while a job needs it, also one that waits to be resumed; one that is gone all the same is got once more', async () => {
  const { site, reference } = await siteOnRegistry('needed');
  expect((await site.job(job('true'), { crashAt: 'recorded images' })).code).toBe(137);
  const id = await site.onlyJob();
  expect((await site.ask(['image', 'inspect', reference])).usedBy).toEqual([id]);
  const refused = await site.run(['image', 'rm', reference]);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(id);
  const pruned = await site.ask(['image', 'prune', '--all', '--dry-run']);
  expect(pruned).toMatchObject({ dryRun: true, kept: { needed: 1 } });
  await site.ask(['image', 'rm', '--force', reference]);
  const resumed = await site.run(['--json', 'resume', id]);
  expect(resumed.lines.at(-1)).toMatchObject({ outcome: 'success' });
  expect(resumed.stdout).toContain('got once more');
  await site.ask(['image', 'rm', reference]);
  expect(await site.run(['image', 'inspect', reference])).toMatchObject({ code: 1 });
});

test('images go by themselves after a job that pulled one, down to the limits, and by hand', async () => {
  const collection = { ceiling: '1m', minimumAge: '0m', pins: ['test/shell'] };
  const { site, reference } = await siteOnRegistry('collected', { config: { images: { collection } } });
  const ran = await site.job(job('echo hi'));
  expect(ran.result).toMatchObject({ outcome: 'success' });
  expect(ran.lines.at(-1)).toMatchObject({ type: 'result' });
  const { images } = await site.ask(['image', 'ls']);
  expect(images).toMatchObject([{ name: 'docker.io/test/shell:1', isPinned: true }]);
  await site.ask(['image', 'pull', reference]);
  expect((await site.ask(['image', 'ls'])).images).toHaveLength(1);
  for (const args of [['--all', '--to-limits'], []])
    expect((await site.run(['image', 'prune', ...args])).code).toBe(64);
  expect((await site.run(['image', 'prune', '--to-limits'])).stdout).toContain('1 image stays: pinned');
});

test('an archive goes to a file as a whole or not at all, or into a pipe and nothing else with it', async () => {
  const site = await tenant.site();
  const path = join(site.folder, 'out.tar');
  expect(await site.run(['image', 'export', 'test/shell:1', 'test/none:1', '-o', path])).toMatchObject({ code: 1 });
  await expect(readFile(path)).rejects.toThrow('ENOENT');
  const { bytes } = await site.ask(['image', 'export', 'test/shell:1', '-o', path]);
  expect((await readFile(path)).length).toBe(bytes);
  const piped = await site.run(['image', 'export', 'test/shell:1', '--json']);
  expect(piped.stdout.slice(0, 10)).toBe('oci-layout');
  await site.ask(['image', 'import', path, '--name', 'test/again:1']);
  await site.ask(['image', 'rm', 'test/again:1']);
  expect((await site.run(['image', 'rm', 'test/shel:1'])).stderr).toContain('Did you mean test/shell:1?');
  expect((await site.run(['image', 'export', 'test/shell:1', '-o', '/no/such/folder/x.tar'])).code).toBe(1);
});
