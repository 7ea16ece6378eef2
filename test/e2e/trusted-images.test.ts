import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

test('only the digest of the definition is run where the operator says so, and only signed images where he says that', async () => {
  const exact = await tenant.site({ config: { images: { policy: 'digest' } } });
  await exact.define('test.main');
  expect((await exact.script('true')).result).toMatchObject({
    outcome: 'user_error',
    message: expect.stringContaining('docker.io/test/shell:1 is wanted without a digest'),
  });
  const [, digest] = (await (await tenant.site()).ask(['image', 'ls'])).images[0].digest.split(':');
  const definition = { type: 'dockerhub', uri: 'test/shell', tag: '1', digest };
  await exact.define('test.main', { definition });
  expect((await exact.script('true')).result).toMatchObject({ outcome: 'success' });

  const key = join(exact.folder, 'cosign.pub');
  await writeFile(key, 'no key');
  const rule = { policy: 'require', keys: [key] };
  const signed = await tenant.site({
    config: { images: { policy: 'never', signatures: { 'docker.io/test': rule } } },
  });
  await signed.define('test.main');
  expect((await signed.script('true')).result).toMatchObject({
    outcome: 'user_error',
    message: expect.stringContaining('whether it is signed is not known'),
  });
});
