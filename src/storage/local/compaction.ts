const fewSegments = 8;

/**
 * Which segments of a table to merge, given their rows, oldest first: those from the returned position to the end; `undefined`: none.
 * Only when there are more than eight. Older segments join while they are not larger than twice what is merged already, so a row
 * is rewritten a logarithmic number of times; and never do more than eight remain.
 */
export function segmentsToCompact(rows: readonly number[]): number | undefined {
  if (rows.length <= fewSegments) return undefined;
  let from = rows.length - 1;
  let merged = rows[from] ?? 0;
  while (from > 0 && (from >= fewSegments || (rows[from - 1] ?? 0) <= 2 * merged)) {
    from -= 1;
    merged += rows[from] ?? 0;
  }
  return from;
}
