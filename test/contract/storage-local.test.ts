import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addComponent } from '../../src/storage/local/components.ts';
import { setConfiguration } from '../../src/storage/local/configurations.ts';
import { holderOf, tokenOf } from '../../src/storage/local/holder.ts';
import { initProject } from '../../src/storage/local/init.ts';
import { openLocalStorage } from '../../src/storage/local/open.ts';
import { noRights } from '../../src/storage/local/rights.ts';
import { createToken, removeToken } from '../../src/storage/local/tokens.ts';
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
    withRights: async (given) => {
      const rights = { ...noRights, ...given };
      const input = { description: 'of the suite', expires: undefined, rights };
      const { id } = createToken(catalogue, storage.parts.guard, input);
      return {
        storage: storage.actingAs(id),
        revoke: async () => void removeToken(catalogue, storage.parts.guard, id),
      };
    },
    end: async () => {
      await storage.close();
      await rm(path, { recursive: true });
    },
  };
});
