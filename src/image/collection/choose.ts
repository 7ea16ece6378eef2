import { bytesOf, keptBy, type Stock } from './stock.ts';

/** An image that may go, and what it keeps by itself. */
export interface Candidate {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number;
  readonly key: string;
}

export interface Goal {
  /** Bytes to give back at least, if the candidates hold so much. */
  readonly freeBytes: number;
  /** Everything that was last used before this goes in any case; milliseconds since 1970. */
  readonly unusedBeforeMs: number;
}

export interface Choice {
  /** The least recently used first. */
  readonly names: readonly string[];
  /** What goes with them, and with nothing less. */
  readonly freedBytes: number;
}

/**
 * Which images go: the least recently used first, until enough is free. One whose going would free nothing that is still needed, since others
 * keep its layers, is spared again.
 */
export function chooseImages(
  { things }: Pick<Stock, 'things'>,
  candidates: readonly Candidate[],
  { held, goal }: { readonly held: readonly string[]; readonly goal: Goal },
): Choice {
  const oldest = candidates.toSorted((one, other) => one.lastUsedMs - other.lastUsedMs || order(one, other));
  const tally = countKeepers(things, oldest, held);
  const going: Candidate[] = [];
  for (const candidate of oldest) {
    if (tally.freed >= goal.freeBytes && candidate.lastUsedMs >= goal.unusedBeforeMs) break;
    tally.remove(candidate);
    going.push(candidate);
  }
  const spared = new Set<Candidate>();
  for (const candidate of going.toReversed()) {
    if (candidate.lastUsedMs < goal.unusedBeforeMs) break;
    const before = tally.freed;
    tally.restore(candidate);
    // Nothing came of removing it, or there is enough without it.
    if (tally.freed >= goal.freeBytes || tally.freed === before) spared.add(candidate);
    else tally.remove(candidate);
  }
  const names = going.filter((candidate) => !spared.has(candidate)).map(({ name }) => name);
  return { names, freedBytes: tally.freed };
}

function order(one: Candidate, other: Candidate): number {
  return one.name < other.name ? -1 : 1;
}

interface Tally {
  readonly freed: number;
  remove(candidate: Candidate): void;
  restore(candidate: Candidate): void;
}

/** Counts, for each thing, who keeps it: what nobody keeps any more is freed. */
function countKeepers(things: Stock['things'], candidates: readonly Candidate[], held: readonly string[]): Tally {
  const stays = keptBy(things, held);
  const keeps = new Map(
    candidates.map((each) => [each, [...keptBy(things, [each.key])].filter((key) => !stays.has(key))] as const),
  );
  const keepers = new Map<string, number>();
  for (const keys of keeps.values()) for (const key of keys) keepers.set(key, (keepers.get(key) ?? 0) + 1);
  let freed = 0;
  const change = (candidate: Candidate, by: 1 | -1): void => {
    for (const key of keeps.get(candidate) ?? []) {
      const count = (keepers.get(key) ?? 0) + by;
      keepers.set(key, count);
      if (count === 0) freed += bytesOf(things, [key]);
      else if (by === 1 && count === 1) freed -= bytesOf(things, [key]);
    }
  };
  return {
    get freed() {
      return freed;
    },
    remove: (candidate) => change(candidate, -1),
    restore: (candidate) => change(candidate, 1),
  };
}
