import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addComponent } from '../../src/storage/local/components.ts';
import { setConfiguration } from '../../src/storage/local/configurations.ts';
import { holderOf, tokenOf } from '../../src/storage/local/holder.ts';
import { initProject } from '../../src/storage/local/init.ts';
import { openLocalStorage } from '../../src/storage/local/open.ts';
import { storageSuite } from './storage-suite.ts';

storageSuite('the embedded Storage', async () => {
  const path = await mkdtemp(join(tmpdir(), 'componentd-project-'));
  await initProject({ path });
  const storage = await openLocalStorage({ path });
  const { catalogue, secrets } = storage.parts;
  return {
    storage,
    addComponent: async (id, definition) => addComponent(catalogue, secrets, id, definition),
    setConfiguration: async (component, config) => {
      setConfiguration(catalogue, secrets, component, config);
    },
    isTokenValid: async (secret) => {
      const token = tokenOf(catalogue, secret);
      return token !== undefined && holderOf(catalogue, Number(token.id)).state === 'valid';
    },
    end: async () => {
      await storage.close();
      await rm(path, { recursive: true });
    },
  };
});
