import { sleep } from '../base/abort.ts';
import type { CollectionRules } from '../base/collection-settings.ts';
import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';
import { type Collected, collectImages, type Wish } from './collection/collect.ts';
import { inTurn } from './collection/leaving.ts';
import type { FindNeeds } from './collection/needs.ts';
import { deleteRecord, removeUnlessNeeded } from './collection/remove.ts';
import { type InspectedImage, inspectImage } from './inspect.ts';
import { listImages } from './list.ts';
import { parseReference } from './reference.ts';

/** The images that a namespace has already: what they are, and how they go. */
export interface LocalImages {
  /** See `listImages`. */
  list(): ReturnType<typeof listImages>;
  /** See `inspectImage`. */
  inspect(reference: string): Promise<InspectedImage | undefined>;
  /**
   * Whether there was one to remove. What nothing else keeps is off the disk when this resolves.
   * @throws UserError reason `image_needed` with the jobs that need it, unless forced
   */
  remove(reference: string, how: { readonly force: boolean; readonly signal: AbortSignal }): Promise<boolean>;
  /** See `collectImages`; waits for its turn. */
  prune(wish: Wish, how: { readonly dryRun: boolean; readonly signal: AbortSignal }): Promise<Collected>;
  /** What the operator's rules say, beside everything else; `undefined` when there was nothing to do, or another process is at it. */
  collect(how: { readonly makeBytes?: number; readonly signal: AbortSignal }): Promise<Collected | undefined>;
}

export interface LocalOptions {
  readonly snapshotter: string;
  readonly rules: CollectionRules;
  readonly findNeeds: FindNeeds;
}

const nothing: Collected = { removed: [], freedBytes: 0, usedBytes: 0, kept: {}, missingBytes: 0 };
const lookEveryMs = 50;

export function createLocalImages(client: Containerd, options: LocalOptions): LocalImages {
  const { findNeeds } = options;
  const listing = { ...options, pins: options.rules.pins };
  return {
    list: () => listImages(client, listing),
    inspect: (reference) => inspectImage(client, reference, listing),
    remove: async (reference, { force, signal }) => {
      const { name } = parseReference(reference);
      if (force) return await deleteRecord(client, name, { sync: true });
      const { removed, needed } = await whenFree(signal, () =>
        inTurn(client, () => removeUnlessNeeded(client, [name], { findNeeds, signal })),
      );
      const jobs = needed.get(name);
      if (jobs !== undefined) throw neededBy(name, jobs);
      return removed.length > 0;
    },
    prune: (wish, { dryRun, signal }) =>
      whenFree(signal, async () => {
        const collected = (await collectImages(client, wish, { ...options, signal, dryRun })) ?? nothing;
        return collected === 'busy' ? undefined : collected;
      }),
    collect: async ({ makeBytes = 0, signal }) => {
      const collected = await collectImages(client, { kind: 'limits', makeBytes }, { ...options, signal });
      return collected === 'busy' ? undefined : collected;
    },
  };
}

function neededBy(name: string, jobs: readonly string[]): UserError {
  const which = jobs.length === 1 ? `job ${jobs[0]} needs it` : `jobs ${jobs.join(', ')} need it`;
  return new UserError(`${name} stays: ${which}`, {
    reason: 'image_needed',
    hint: 'Wait until it has ended, `componentd sweep` if its process is gone, or remove the image with --force: the job may then fail.',
    data: { jobs },
  });
}

/** Until it is our turn: removals take moments. */
async function whenFree<T>(signal: AbortSignal, attempt: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const done = await attempt();
    if (done !== undefined) return done;
    await sleep(lookEveryMs, signal);
  }
}
