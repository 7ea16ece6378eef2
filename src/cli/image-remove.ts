import { counted } from '../base/counted.ts';
import { UsageError } from '../base/errors.ts';
import type { Collected, KeepReason, Wish } from '../image/collection/collect.ts';
import { formatBytes } from '../sinks/format.ts';
import { sinceMs } from './list-jobs.ts';
import { unknownImages, withLocalImages } from './local-images.ts';
import { print, printJson, shown } from './output.ts';
import type { Session } from './session.ts';

export interface PruneOptions {
  readonly all?: boolean;
  readonly olderThan?: string;
  readonly toLimits?: boolean;
  readonly dryRun?: boolean;
}

/** `image rm` */
export async function removeAll(references: readonly string[], force: boolean, session: Session): Promise<void> {
  await withLocalImages(session, async (local) => {
    const missing: string[] = [];
    for (const reference of references) {
      const isRemoved = await local.remove(reference, { force, signal: session.signal });
      if (!isRemoved) missing.push(reference);
      else if (session.json) printJson({ type: 'result', removed: reference });
      else if (!session.quiet) print(`removed ${shown(reference)}`);
    }
    if (missing.length > 0) throw await unknownImages(missing, local);
  });
}

/** `image prune` */
export async function prune(options: PruneOptions, session: Session): Promise<void> {
  const wish = wishOf(options);
  const dryRun = options.dryRun === true;
  const collected = await withLocalImages(session, (local) => local.prune(wish, { dryRun, signal: session.signal }));
  if (session.json) return printJson({ type: 'result', dryRun, ...collected });
  if (!session.quiet) describe(collected, dryRun);
}

function wishOf({ all, olderThan, toLimits }: PruneOptions): Wish {
  const given = [all, olderThan, toLimits].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw new UsageError(given.length === 0 ? 'say which images are to go' : 'only one of these can be meant', {
      hint: 'Give one of --all, --older-than TIME, --to-limits; see `componentd image prune --help`.',
    });
  }
  if (olderThan !== undefined) return { kind: 'unused', beforeMs: sinceMs(olderThan, '--older-than') };
  return { kind: toLimits === true ? 'limits' : 'all' };
}

const reasons: Readonly<Record<KeepReason, string>> = {
  needed: 'needed by a job',
  pinned: 'pinned',
  recent: 'used a moment ago',
  imported: 'from an archive, and perhaps nowhere else',
};

function describe({ removed, freedBytes, usedBytes, kept, missingBytes }: Collected, dryRun: boolean): void {
  for (const { name, lastUsedAt } of removed)
    print(
      `${dryRun ? 'would remove' : 'removed'} ${shown(name)}, last used ${lastUsedAt.slice(0, 19).replace('T', ' ')} (UTC)`,
    );
  if (removed.length === 0) print('Nothing to remove.');
  else
    print(`${dryRun ? 'would free' : 'freed'} ${formatBytes(freedBytes)}; the others take ${formatBytes(usedBytes)}`);
  for (const [reason, count] of Object.entries(kept))
    print(`${counted(count, 'image')} ${count === 1 ? 'stays' : 'stay'}: ${reasons[reason as KeepReason]}`);
  if (missingBytes > 0)
    print(`${formatBytes(missingBytes)} more should be free: see images.collection, and what else is on that disk`);
}
