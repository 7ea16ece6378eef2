import { sleep } from '../../base/abort.ts';
import { exclusively } from '../../base/exclusive.ts';
import type { Containerd } from '../../containerd/client.ts';
import { setImageLabels } from '../../containerd/image-labels.ts';

/** On an image record that is to be removed unless somebody turns out to need it. */
export const leavingLabel = 'componentd.leaving';

const lookEveryMs = 20;
const longestWaitMs = 30_000;

/** Removes images of a namespace one at a time, on this machine; `undefined` at once when another process is doing so. */
export function inTurn<T>(client: Containerd, work: () => Promise<T>): Promise<T | undefined> {
  return exclusively(`images ${client.address} ${client.namespace}`, work);
}

/** Marks an image; from here on whoever looks for it waits. False when there is none. */
export async function markLeaving(client: Containerd, name: string): Promise<boolean> {
  return await setLeaving(client, name, new Date().toISOString());
}

/** Takes the mark away: the image stays. */
export async function letStay(client: Containerd, name: string): Promise<void> {
  await setLeaving(client, name, '');
}

/** Waits until a marked image is gone or stays. The mark of a process that died, or that takes too long, is taken away. */
export async function untilDecided(client: Containerd, isLeaving: () => Promise<boolean>, name: string): Promise<void> {
  for (const giveUp = performance.now() + longestWaitMs; await isLeaving(); await sleep(lookEveryMs)) {
    const alone = await inTurn(client, async () => {
      await letStay(client, name);
      return true;
    });
    if (alone) return;
    if (performance.now() > giveUp) return await letStay(client, name);
  }
}

/** containerd does not keep a label without a value. */
async function setLeaving(client: Containerd, name: string, value: string): Promise<boolean> {
  return await setImageLabels(client, name, { [leavingLabel]: value });
}
