/** The known word that was probably meant, or `undefined`: at most two edits away (one for short words), or equal but for case and `-`/`_`. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const bare = plain(word);
  const allowed = bare.length <= 4 ? 1 : 2;
  let best: string | undefined;
  let bestDistance = allowed + 1;
  for (const candidate of known) {
    const other = plain(candidate);
    if (Math.abs(other.length - bare.length) > allowed) continue;
    const distance = editDistance(bare, other);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** A hint for a word that is none of the known ones, which are called `what`: `did you mean a? settings are a, b`. */
export function suggestFrom(word: string, known: readonly string[], what: string): string {
  const meant = suggest(word, known);
  return `${meant === undefined ? '' : `did you mean ${meant}? `}${what} are ${known.join(', ')}`;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    [beforePrevious, previous] = [previous, row];
  }
  return previous[b.length] ?? 0;
}
