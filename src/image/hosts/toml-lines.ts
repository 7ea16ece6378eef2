import type { parse } from 'smol-toml';

/** Lines of one statement: every one of them is read again with each that follows. */
const longest = 500;

/**
 * The line, counted from 1, on which each value of a TOML document begins, by {@link placeOf} its path. The document must be one that
 * `parse` reads: then the shortest run of lines that can be read alone is one statement.
 */
export function linesOf(text: string, read: typeof parse): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let table: readonly string[] = [];
  let statement = '';
  let start = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (statement === '') start = index + 1;
    if (index - start > longest) return found;
    statement += `${line}\n`;
    const value = readAlone(statement, read);
    if (value === undefined) continue;
    const isHeader = /^\s*\[/.test(statement);
    const paths = pathsOf(value, isHeader ? [] : table);
    if (isHeader) table = paths.at(-1) ?? [];
    for (const path of paths) if (!found.has(placeOf(path))) found.set(placeOf(path), start);
    statement = '';
  }
  return found;
}

/** One string for a path of keys, whatever characters these have. */
export function placeOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

function readAlone(statement: string, read: typeof parse): object | undefined {
  try {
    return read(statement);
  } catch {
    return undefined;
  }
}

/** Of tables and what they hold, outermost first; an array counts as one value. */
function pathsOf(value: object, above: readonly string[]): readonly (readonly string[])[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...above, key];
    const isTable = typeof inner === 'object' && inner !== null && Object.getPrototypeOf(inner) === null;
    return isTable ? [path, ...pathsOf(inner, path)] : [path];
  });
}
