import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { buildImage } from '../../../scripts/lib/oci-image.ts';
import { pushImage } from '../../../scripts/lib/push-image.ts';
import { releaseDeadLeases } from '../../../src/daemon/sweep.ts';
import { jobFolders } from '../../../src/job/peek.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const program = fileURLToPath(new URL('../../support/image-child.ts', import.meta.url));
const registry = inject('registryHost');

type Role = 'jobs' | 'collect';
interface Running {
  readonly role: Role;
  readonly child: ChildProcessByStdio<null, Readable, null>;
  turns: number;
}

let place: ImagePlace;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
});
afterEach(() => place.leave());

/** Images that share layers in several ways. */
async function pushImages(): Promise<readonly string[]> {
  const archive = join(place.directory, 'push.tar');
  const [a, b, c, d] = Array.from({ length: 4 }, () => ({ noise: randomBytes(100_000) }));
  const stacks = [[a], [a, b], [a, b, c], [d]] as { noise: Buffer }[][];
  const references: string[] = [];
  for (const [index, layers] of stacks.entries()) {
    await buildImage({ layers }, archive);
    await pushImage(archive, `http://${registry}`, `collected/x${index}:1`);
    references.push(`${registry}/collected/x${index}:1`);
  }
  await rm(archive);
  return references;
}

test('jobs, pulls and collections that are killed at any moment: no job misses its image, and all the space comes back', async () => {
  const references = await pushImages();
  const stateDir = join(place.directory, 'state');
  const failures: string[] = [];
  const start = (role: Role): Running => {
    const { address, namespace } = place.client;
    const child = spawn(process.execPath, [program, role, address, namespace, stateDir, ...references], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const running = { role, child, turns: 0 };
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'did') running.turns += 1;
      else failures.push(line);
    });
    return running;
  };
  const kill = async ({ child }: Running): Promise<void> => {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
  const running = (['jobs', 'jobs', 'collect', 'collect'] as const).map(start);
  for (let kills = 0; kills < 10 && failures.length === 0; kills += 1) {
    const which = Math.floor(Math.random() * running.length);
    const victim = running[which] as Running;
    // It has done something, and is in the middle of something.
    const wanted = victim.turns + 1 + Math.floor(Math.random() * 4);
    for (const giveUp = Date.now() + 5_000; victim.turns < wanted && Date.now() < giveUp; ) await delay(5);
    await delay(Math.random() * 60);
    expect(victim.turns, `turns of ${victim.role}`).toBeGreaterThan(0);
    await kill(victim);
    running[which] = start(victim.role);
  }
  for (const each of running) await kill(each);
  expect(failures).toEqual([]);

  // What the killed jobs hold is theirs until somebody ends them.
  for (const folder of await jobFolders(stateDir)) await rm(folder, { recursive: true });
  for await (const { info } of place.client.stream('Snapshots.List', { snapshotter: 'overlayfs' })) {
    for (const { name, kind } of info)
      if (kind === 'ACTIVE')
        await place.client.call('Snapshots.Remove', { snapshotter: 'overlayfs', key: name }).catch(() => {});
  }
  await releaseDeadLeases(place.client);
  const { usedBytes } = await place.local.prune({ kind: 'all' }, { ...place.call, dryRun: false });
  expect(usedBytes).toBe(0);
  expect(await place.content()).toEqual([]);
  expect(await place.snapshots()).toEqual([]);
});
