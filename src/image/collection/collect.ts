import type { CollectionRules } from '../../base/collection-settings.ts';
import type { Containerd } from '../../containerd/client.ts';
import type { Image } from '../../gen/containerd.ts';
import { lastUseOf } from '../last-use.ts';
import { type Choice, chooseImages, type Goal } from './choose.ts';
import { inTurn } from './leaving.ts';
import { type FindNeeds, jobsByImage } from './needs.ts';
import { isPinned } from './pins.ts';
import { removeUnlessNeeded } from './remove.ts';
import { canBeHadAgain, isBuilt } from './source.ts';
import { freeBytes } from './space.ts';
import { bytesOf, keyOf, readStock, type Stock, usedBytes } from './stock.ts';

/** What is to go: what the rules say (and so many bytes, if that is more), everything, or what was not wanted since then. */
export type Wish =
  | { readonly kind: 'limits'; readonly makeBytes?: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'unused'; readonly beforeMs: number };

export interface Collecting {
  readonly snapshotter: string;
  readonly rules: CollectionRules;
  readonly findNeeds: FindNeeds;
  readonly signal: AbortSignal;
  /** Say what would go, and remove nothing. */
  readonly dryRun?: boolean;
}

/** Why an image stays that is not wanted otherwise. */
export type KeepReason = 'needed' | 'pinned' | 'recent' | 'imported';

export interface Collected {
  /** The least recently used first. */
  readonly removed: readonly {
    readonly name: string;
    readonly digest: string;
    /** ISO 8601, UTC. */
    readonly lastUsedAt: string;
  }[];
  /** What is gone from the disk, or would go. */
  readonly freedBytes: number;
  /** What all images take afterwards. */
  readonly usedBytes: number;
  /** How many images stay for which reason. */
  readonly kept: Readonly<Partial<Record<KeepReason, number>>>;
  /** Bytes that should have gone beyond that; images that may not go hold them, or something else does. */
  readonly missingBytes: number;
}

/**
 * Removes the images that the wish names and nothing keeps, the least recently used first. Safe beside jobs, pulls, other collections and
 * containerd's own. `undefined` when another process is collecting, or when there is nothing to look at. @throws ContainerdError
 */
export async function collectImages(
  client: Containerd,
  wish: Wish,
  at: Collecting,
): Promise<Collected | 'busy' | undefined> {
  const free =
    wish.kind === 'limits' && at.rules.minFree !== undefined ? await freeBytes(client, at.snapshotter) : undefined;
  if (wish.kind === 'limits' && !mayConcern(wish, at.rules, free)) return undefined;
  return (await inTurn(client, () => collect(client, { wish, at, free }))) ?? 'busy';
}

/** Without a look at the images themselves. */
function mayConcern(
  { makeBytes = 0 }: { readonly makeBytes?: number },
  rules: CollectionRules,
  free: number | undefined,
) {
  const { ceiling, minFree, unusedForMs } = rules;
  const isLow = minFree !== undefined && free !== undefined && free < minFree;
  return ceiling !== undefined || unusedForMs !== undefined || isLow || makeBytes > 0;
}

interface Looking {
  readonly wish: Wish;
  readonly at: Collecting;
  readonly free: number | undefined;
}

async function collect(client: Containerd, { wish, at, free }: Looking): Promise<Collected> {
  const stock = await readStock(client, at.snapshotter);
  const used = usedBytes(stock);
  const goal = goalOf(wish, { rules: at.rules, used, free });
  const { choice, kept } = await choose(stock, { wish, at, goal });
  const result = (names: readonly string[], freed: number, left: number): Collected => ({
    removed: names.map((name) => describe(stock, name)),
    freedBytes: freed,
    usedBytes: left,
    kept,
    missingBytes: Number.isFinite(goal.freeBytes) ? Math.max(0, goal.freeBytes - freed) : 0,
  });
  if (at.dryRun === true || choice.names.length === 0)
    return result(choice.names, choice.freedBytes, used - choice.freedBytes);
  const { removed } = await removeUnlessNeeded(client, choice.names, at);
  const after = await readStock(client, at.snapshotter);
  return result(removed, goneBytes(stock, after), usedBytes(after));
}

function goalOf(
  wish: Wish,
  { rules, used, free }: { readonly rules: CollectionRules; readonly used: number; readonly free: number | undefined },
): Goal {
  if (wish.kind === 'all') return { freeBytes: 0, unusedBeforeMs: Number.POSITIVE_INFINITY };
  if (wish.kind === 'unused') return { freeBytes: 0, unusedBeforeMs: wish.beforeMs };
  const { ceiling, floor, minFree, unusedForMs } = rules;
  const above = ceiling !== undefined && used > ceiling ? used - floor : 0;
  const short = minFree !== undefined && free !== undefined ? minFree - free : 0;
  return {
    freeBytes: Math.max(0, above, short, wish.makeBytes ?? 0),
    unusedBeforeMs: unusedForMs === undefined ? Number.NEGATIVE_INFINITY : Date.now() - unusedForMs,
  };
}

async function choose(
  stock: Stock,
  { wish, at, goal }: { readonly wish: Wish; readonly at: Collecting; readonly goal: Goal },
): Promise<{ readonly choice: Choice; readonly kept: Collected['kept'] }> {
  const jobs = jobsByImage(await at.findNeeds());
  const reasons = new Map(stock.images.map((image) => [image, reasonToKeep(image, { stock, jobs, at, wish })]));
  const staying = stock.images.filter((image) => reasons.get(image) !== undefined);
  const candidates = stock.images
    .filter((image) => reasons.get(image) === undefined)
    .map((image) => ({ name: image.name, lastUsedMs: lastUseOf(image), key: keyOf(image) }));
  const kept: Partial<Record<KeepReason, number>> = {};
  for (const reason of reasons.values()) if (reason !== undefined) kept[reason] = (kept[reason] ?? 0) + 1;
  const held = [...stock.held, ...staying.map(keyOf)];
  return { choice: chooseImages(stock, candidates, { held, goal }), kept };
}

interface Judging {
  readonly stock: Stock;
  readonly jobs: ReadonlyMap<string, readonly string[]>;
  readonly at: Collecting;
  readonly wish: Wish;
}

/** Who asks for an image to go by hand need not be told that it is recent, or that it came from an archive. */
function reasonToKeep(image: Image, { stock, jobs, at: { rules }, wish }: Judging): KeepReason | undefined {
  if (jobs.has(image.name)) return 'needed';
  if (isPinned(image.name, rules.pins)) return 'pinned';
  const isRecent = lastUseOf(image) > Date.now() - rules.minimumAgeMs;
  // Nobody but the job that had it built knows its name, and that job may not have written it down yet.
  if (isRecent && isBuilt(image)) return 'recent';
  if (wish.kind !== 'limits') return undefined;
  if (isRecent) return 'recent';
  return rules.imported || canBeHadAgain(image, stock) ? undefined : 'imported';
}

function describe({ images }: Stock, name: string): Collected['removed'][number] {
  const image = images.find((each) => each.name === name);
  const lastUsedMs = image === undefined ? 0 : lastUseOf(image);
  return { name, digest: image?.target?.digest ?? '', lastUsedAt: new Date(lastUsedMs).toISOString() };
}

function goneBytes(before: Stock, after: Stock): number {
  return bytesOf(
    before.things,
    [...before.things.keys()].filter((key) => !after.things.has(key)),
  );
}
