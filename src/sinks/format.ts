const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units and at most three digits: `999 B`, `1.5 kB`, `150 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** The two largest units: `350 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** Columns that the text takes on a terminal: wide East Asian characters and emoji take two, combining marks none. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes().segment(text)) width += segmentWidth(segment);
  return width;
}

/** The text in at most `width` columns, with `…` where something was cut. */
export function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return '';
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes().segment(text)) {
    used += segmentWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Rows as aligned columns, two spaces apart. A column named in `right` is aligned to the right; with `width`, lines are cut there. */
export function formatTable(
  rows: readonly (readonly string[])[],
  { right = [], width = Number.POSITIVE_INFINITY }: { right?: readonly number[]; width?: number } = {},
): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, textWidth(cell));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat((widths[column] ?? 0) - textWidth(cell));
        return right.includes(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return rows.map((row) => truncate(line(row), width)).join('\n');
}

/**
 * Text of others made safe to show: escape sequences (ECMA-48) go, and every other control character, bidirectional override and line separator
 * is shown as a picture or as its code, so that output can neither move the cursor, set a title nor pretend to be ours. Tabs stay.
 */
export function neutralise(text: string): string {
  if (!dangerous.test(text)) return text;
  return text.replace(escapeSequence, '').replace(dangerousEach, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

/** JSON text that means the same and that no terminal obeys: what it may hold unescaped, and a terminal might act on, is escaped. */
export function safeJson(text: string): string {
  return text.replace(obeyed, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Made when first needed: it takes 15 ms, a quarter of the time in which a short command starts and ends. */
const graphemes = once(() => new Intl.Segmenter('en', { granularity: 'grapheme' }));
const dangerous = /[\0-\x08\n-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const dangerousEach = new RegExp(dangerous, 'g');
/** DEL, C1controls, bidirectional controls and line separators: of what `neutralise` looks for, what JSON does not escape. */
const obeyed = /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const escapeSequence = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-OQ-WYZ\\`-~]/g;
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|.\ufe0f)/u;
const invisible = /^[\p{Mark}\p{Cf}\p{Cc}]+$/u;

function segmentWidth(segment: string): number {
  if (invisible.test(segment)) return 0;
  return wide.test(segment) ? 2 : 1;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
