import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { exclusively } from '../../src/base/exclusive.ts';

const patienceMs = 15 * 60_000;

/**
 * Lets the tests of a file run while no other run of tests on this machine holds the same turn: for what a machine has once, as its chains of
 * packet rules.
 */
export function useAlone(name: string): void {
  const over = Promise.withResolvers<void>();
  beforeAll(async () => {
    const held = Promise.withResolvers<void>();
    const take = async (): Promise<void> => {
      const hold = async (): Promise<true> => {
        held.resolve();
        await over.promise;
        return true;
      };
      while ((await exclusively(`test ${name}`, hold)) === undefined) await delay(500);
    };
    take().catch(held.reject);
    await held.promise;
  }, patienceMs);
  afterAll(() => over.resolve());
}
