import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mainDefined, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

test('a runtime is refused before anything begins when it is unknown, or not there', async () => {
  const config = { runtimes: { mine: { binary: '/no/such/runtime' } } };
  const site = await tenant.site({ prepare: mainDefined, config });
  const run = (runtime: string) =>
    site.run(['--runtime', runtime, 'run', '-'], { input: '{"component":"test.main","configData":{}}' });
  const unknown = await run('crn');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean crun?') });
  const missing = await run('mine');
  expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('/no/such/runtime') });
  expect(missing.stderr).toContain('runtimes.mine.binary');
  expect(existsSync(join(site.stateDir, 'jobs'))).toBe(false);
});
