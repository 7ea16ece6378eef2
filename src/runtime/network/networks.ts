import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Semaphore } from '../../base/semaphore.ts';
import { chainPrefix, namespacePath, recordPath, unfinishedRecordPath } from './places.ts';
import { togetherIn, turnsUnder } from './turn.ts';
import type { NetworkSettings, Networks } from './types.ts';

/** The networks of this node. What they take is loaded when the first container asks for one. */
export function createNetworks(settings: NetworkSettings): Networks {
  const { directory } = settings;
  const turn = turnsUnder(`network ${directory}`);
  const shared = { settings, turn, together: togetherIn(turn), prefix: chainPrefix(directory) };
  const slots = new Semaphore(2 * availableParallelism());
  return {
    namespacePath: (id) => namespacePath(directory, id),
    isAttached: (id) => existsSync(recordPath(directory, id)) || existsSync(unfinishedRecordPath(directory, id)),
    attach: async (wanted) => {
      const { attach } = await import('./attach.ts');
      return await slots.run(() => attach(wanted, shared));
    },
    detach: async (id) => {
      const { detach } = await import('./detach.ts');
      await slots.run(() => detach(id, shared));
    },
    unused: async () => {
      const { findUnused } = await import('./unused.ts');
      return await findUnused(shared);
    },
  };
}
