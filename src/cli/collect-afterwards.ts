import type { JobEvent } from '../base/events.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Session } from './session.ts';

/** Watches whether an image comes to the node. */
export function watchForImages(): { readonly emit: (event: JobEvent) => void; readonly came: () => boolean } {
  let came = false;
  return {
    emit: (event) => {
      came ||= event.type === 'image' && event.status === 'ready';
    },
    came: () => came,
  };
}

/**
 * Keeps the images within what the operator allows, after one came. The command has told its story by then: nothing of this is told, and what
 * fails is tried again after the next one.
 */
export async function collectAfterwards(client: Containerd, { config, signal }: Session): Promise<void> {
  if (config.images.collection === undefined || signal.aborted) return;
  const { openLocalImages } = await import('./compose.ts');
  const local = await openLocalImages(client, config);
  await local.collect({ signal }).catch(() => undefined);
}
