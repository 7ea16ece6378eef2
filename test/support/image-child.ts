import { writeSync } from 'node:fs';
import { collectionRules } from '../../src/base/collection-settings.ts';
import { ulid } from '../../src/base/ids.ts';
import { connectContainerd } from '../../src/containerd/client.ts';
import { imageNeedsOf } from '../../src/daemon/image-needs.ts';
import { createImages } from '../../src/image/images.ts';
import { createLocalImages } from '../../src/image/local.ts';
import { createJobFolder, releaseFolder } from '../../src/job/folder.ts';
import type { Plan } from '../../src/job/types.ts';

/**
 * `node image-child.ts jobs|collect ADDRESS NAMESPACE STATE_DIR REFERENCE…`: until it is killed, runs what a job does with one of the images,
 * or removes as many images as it may. Prints what went wrong, a line for each, and `did` for each turn.
 */
const [role, address = '', namespace = '', stateDir = '', ...references] = process.argv.slice(2);
const client = connectContainerd({ address, namespace });
const images = createImages(client);
const findNeeds = imageNeedsOf(client, { stateDir, tenant: 'default' });
const rules = { ...collectionRules({ minimumAge: '0m' }), ceiling: 1, floor: 0 };
const local = createLocalImages(client, { snapshotter: 'overlayfs', rules, findNeeds });
const call = { emit: () => {}, signal: new AbortController().signal };

const tell = (line: string): void => void writeSync(1, `${line}\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * ms));

/** Says what it needs, looks for it, and counts on it for a while, before and after its container is there. */
async function job(): Promise<void> {
  const reference = references[Math.floor(Math.random() * references.length)] ?? '';
  const id = ulid();
  const plan = { job: id, tenant: 'default', formatVersion: 1, images: [{ reference }] } as unknown as Plan;
  const folder = await createJobFolder(stateDir, plan);
  const image = await images.ensure({ reference, policy: 'missing' }, call);
  await pause(30);
  const key = `user-${id}`;
  for (let stage = 0; stage < 2; stage += 1) {
    await client.call('Snapshots.Prepare', { snapshotter: 'overlayfs', key: `${key}-${stage}`, parent: image.chainId });
    await pause(20);
    await client.call('Snapshots.Remove', { snapshotter: 'overlayfs', key: `${key}-${stage}` }).catch(() => undefined);
  }
  await folder.journal.step('result', () => ({}));
  await folder.journal[Symbol.asyncDispose]();
  await releaseFolder(folder.path);
}

for (;;) {
  try {
    if (role === 'jobs') await job();
    else await local.collect(call);
    tell('did');
  } catch (error) {
    tell(`failed: ${error instanceof Error ? error.message : error}`);
  }
  await pause(role === 'jobs' ? 5 : 40);
}
