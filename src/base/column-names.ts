import type { Problem } from './errors.ts';

/** The longest column name, in characters. */
export const maxColumnName = 64;
/** The most columns a table has. */
export const maxColumns = 4096;

/** Letters that do not decompose into a base letter and marks. */
const letters: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ß: 'ss',
    ẞ: 'SS',
    æ: 'ae',
    Æ: 'AE',
    œ: 'oe',
    Œ: 'OE',
    ø: 'o',
    Ø: 'O',
    đ: 'd',
    Đ: 'D',
    ð: 'd',
    Ð: 'D',
    ł: 'l',
    Ł: 'L',
    þ: 'th',
    Þ: 'TH',
    ħ: 'h',
    Ħ: 'H',
    ı: 'i',
    ŋ: 'n',
    Ŋ: 'N',
    ĸ: 'k',
    ŧ: 't',
    Ŧ: 'T',
    ſ: 's',
    а: 'a',
    б: 'b',
    в: 'v',
    г: 'g',
    д: 'd',
    е: 'e',
    ё: 'e',
    ж: 'zh',
    з: 'z',
    и: 'i',
    й: 'j',
    к: 'k',
    л: 'l',
    м: 'm',
    н: 'n',
    о: 'o',
    п: 'p',
    р: 'r',
    с: 's',
    т: 't',
    у: 'u',
    ф: 'f',
    х: 'h',
    ц: 'c',
    ч: 'ch',
    ш: 'sh',
    щ: 'shh',
    ъ: '',
    ы: 'y',
    ь: '',
    э: 'e',
    ю: 'yu',
    я: 'ya',
    і: 'i',
    ї: 'i',
    є: 'e',
    ґ: 'g',
    α: 'a',
    β: 'b',
    γ: 'g',
    δ: 'd',
    ε: 'e',
    ζ: 'z',
    η: 'e',
    θ: 'th',
    ι: 'i',
    κ: 'k',
    λ: 'l',
    μ: 'm',
    ν: 'n',
    ξ: 'x',
    ο: 'o',
    π: 'p',
    ρ: 'r',
    σ: 's',
    ς: 's',
    τ: 't',
    υ: 'y',
    φ: 'f',
    χ: 'ch',
    ψ: 'ps',
    ω: 'o',
  }),
);

/** Names a column may not have, because databases keep them for themselves. */
const reserved: ReadonlySet<string> = new Set(['oid', 'tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/**
 * A header name as the Storage keeps it: transliterated to ASCII, every run of characters outside `[A-Za-z0-9_]` one `_`, without
 * `_` at both ends; a reserved name gets a trailing `_`. May be empty.
 */
export function sanitizeColumn(header: string): string {
  const ascii = Array.from(header.normalize('NFKC'), transliterate).join('');
  const name = ascii.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^_+|_+$/g, '');
  return reserved.has(name.toLowerCase()) ? `${name}_` : name;
}

function transliterate(character: string): string {
  const known = letters.get(character);
  if (known !== undefined) return known;
  const small = letters.get(character.toLowerCase());
  if (small !== undefined) return small === '' ? '' : (small[0] as string).toUpperCase() + small.slice(1);
  const bare = character.normalize('NFKD').replace(/\p{M}+/gu, '');
  return letters.get(bare) ?? bare;
}

/** Storage's own column: nobody may write it. */
export function isSystemColumn(name: string): boolean {
  return name.trim().toLowerCase() === '_timestamp';
}

/** A problem of the column at `index`. */
export type ColumnProblem = Problem & { readonly index: number };

/** What is wrong with a table's columns: the names as they are stored, `given` as the author wrote them. */
export function columnProblems(
  given: readonly string[],
  names: readonly string[],
  source: string,
): readonly ColumnProblem[] {
  if (names.length > maxColumns) {
    return [{ source, index: maxColumns, message: `${names.length} columns, a table can have ${maxColumns}` }];
  }
  const first = new Map<string, number>();
  return names.flatMap((name, index): readonly ColumnProblem[] => {
    const raw = given[index] ?? '';
    const at = { source, index, path: `column ${index + 1}` };
    const written = JSON.stringify(raw.length > 100 ? `${raw.slice(0, 100)}…` : raw);
    if (isSystemColumn(raw)) {
      return [{ ...at, message: 'the column name "_timestamp" is reserved', hint: 'Rename the column.' }];
    }
    if (name === '') {
      return [
        { ...at, message: `the column name ${written} has no letter or digit`, hint: 'Give every column a name.' },
      ];
    }
    if (name.length > maxColumnName) {
      return [{ ...at, message: `the column name ${written} is longer than ${maxColumnName} characters` }];
    }
    // Databases tell columns apart without regard to case.
    const earlier = first.get(name.toLowerCase());
    if (earlier !== undefined) {
      return [{ ...at, message: `the column name ${written} is the same as that of column ${earlier + 1}` }];
    }
    first.set(name.toLowerCase(), index);
    return [];
  });
}
