/**
 * An Aho–Corasick automaton (Aho and Corasick, 1975) as flat tables. A state is the offset of its row in `next`;
 * states from `firstAccepting` on end a needle, so that the scan asks once a byte.
 */
export interface Automaton {
  /** Byte to column: bytes that occur in no needle share column 0. */
  readonly columns: Uint8Array;
  /** Columns a row. */
  readonly width: number;
  readonly next: Int32Array;
  readonly firstAccepting: number;
  /** By row: how many bytes of a needle have been read. */
  readonly depth: Uint16Array;
  /** By row: length of the longest needle that ends here, 0 for none. */
  readonly longest: Uint16Array;
  /** Needles beyond `headLength`: the state their head ends in, and what follows the head. */
  readonly tails: ReadonlyMap<number, readonly Buffer[]>;
}

/** Entries of the transition table, at most: 64 MiB. */
const tableBudget = 16 * 1024 * 1024;
const headLengths = [4096, 1024, 256, 64, 16] as const;

/**
 * Needles longer than a head are recognised by their head, and compared from there on, so that a long one costs no more states than a head has bytes;
 * the head is 4096 bytes, and less when there are so many needles that the table would pass its bound.
 * Returns undefined when even short heads pass it.
 */
export function buildAutomaton(needles: readonly Buffer[]): Automaton | undefined {
  const columns = new Uint8Array(256);
  let width = 1;
  for (const needle of needles) {
    for (const byte of needle) {
      if (columns[byte] !== 0) continue;
      // With all 256 byte values in use, column 0 belongs to the last one alone.
      if (width === 256) break;
      columns[byte] = width;
      width += 1;
    }
  }
  const head = headLengths.find((length) => statesFor(needles, length) * width <= tableBudget);
  return head === undefined ? undefined : finish(plant(needles, { columns, width, head }));
}

interface Trie {
  readonly columns: Uint8Array;
  readonly width: number;
  readonly next: Int32Array;
  readonly rows: number;
  readonly longest: Uint16Array;
  readonly depth: Uint16Array;
  readonly tails: ReadonlyMap<number, readonly Buffer[]>;
}

function statesFor(needles: readonly Buffer[], head: number): number {
  return needles.reduce((sum, needle) => sum + Math.min(needle.length, head), 1);
}

function plant(
  needles: readonly Buffer[],
  { columns, width, head }: { columns: Uint8Array; width: number; head: number },
): Trie {
  const most = statesFor(needles, head);
  const next = new Int32Array(most * width);
  const longest = new Uint16Array(most);
  const depth = new Uint16Array(most);
  const tails = new Map<number, Buffer[]>();
  let rows = 1;
  for (const needle of needles) {
    const end = Math.min(needle.length, head);
    let row = 0;
    for (let i = 0; i < end; i += 1) {
      const slot = row * width + (columns[needle[i] as number] as number);
      if (next[slot] === 0) {
        next[slot] = rows;
        depth[rows] = i + 1;
        rows += 1;
      }
      row = next[slot] as number;
    }
    longest[row] = end;
    if (needle.length > head) tails.set(row, [...(tails.get(row) ?? []), needle.subarray(head)]);
  }
  return { columns, width, next, rows, longest, depth, tails };
}

/** Closes the trie over its failure links, row by row from the root, and numbers accepting rows last. */
function finish({ columns, width, next, rows, longest, depth, tails }: Trie): Automaton {
  const fail = new Int32Array(rows);
  const order = new Int32Array(rows);
  let queued = 1;
  for (let at = 0; at < queued; at += 1) {
    const row = order[at] as number;
    const failRow = fail[row] as number;
    if (longest[row] === 0) longest[row] = longest[failRow] as number;
    for (let column = 0; column < width; column += 1) {
      const child = next[row * width + column] as number;
      const fallback = row === 0 ? 0 : (next[failRow * width + column] as number);
      if (child === 0) {
        next[row * width + column] = fallback;
      } else {
        fail[child] = fallback;
        order[queued] = child;
        queued += 1;
      }
    }
  }
  const place = new Int32Array(rows);
  let placed = 0;
  for (const row of order) if (longest[row] === 0) place[row] = placed++;
  const firstAccepting = placed;
  for (const row of order) if (longest[row] !== 0) place[row] = placed++;

  const table = new Int32Array(rows * width);
  const placedDepth = new Uint16Array(rows);
  const placedLongest = new Uint16Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const to = place[row] as number;
    placedDepth[to] = depth[row] as number;
    placedLongest[to] = longest[row] as number;
    for (let column = 0; column < width; column += 1) {
      table[to * width + column] = (place[next[row * width + column] as number] as number) * width;
    }
  }
  return {
    columns,
    width,
    next: table,
    firstAccepting: firstAccepting * width,
    depth: placedDepth,
    longest: placedLongest,
    tails: new Map(Array.from(tails, ([row, rest]) => [(place[row] as number) * width, rest])),
  };
}
