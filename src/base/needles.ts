/** Values shorter than this are too common to hide wherever they appear. */
export const shortestNeedle = 4;

/** Values longer than this get fewer forms and are not hidden line by line. */
const bulky = 16_384;

/**
 * The byte strings that give a secret away: the value as it is, JSON-escaped (JavaScript's, PHP's and ASCII-only spellings, and JSON in JSON),
 * base64 (standard and URL-safe, whole, and as part of a longer text in each of the three alignments), percent-encoded (the usual safe sets),
 * all of these without surrounding blanks too, base64 wrapped at 64 or 76 characters, and each longer line of a value of several lines.
 *
 * With `essential`, without the last two: they are what a very large set of secrets can do without first.
 *
 * An empty or blank value has no needle. One of 1 to 3 bytes is hidden only where it stands as a whole quoted value, `"abc"` or `'abc'`:
 * anywhere else it would hide every port number and make logs unreadable.
 */
export function needlesOf(secret: string, extent: 'all' | 'essential' = 'all'): Buffer[] {
  const value = secret.toWellFormed();
  if (value.trim() === '') return [];
  if (Buffer.byteLength(value) < shortestNeedle)
    return [...new Set([JSON.stringify(value), `"${value}"`, `'${value}'`])].map((text) => Buffer.from(text));
  const forms = [value, value.trim()].flatMap(formsOf);
  const lines =
    extent === 'all' && value.length <= bulky ? [...linesOf(value), ...wrappedForms(Buffer.from(value))] : [];
  return Array.from(new Set([...forms, ...lines]), (text) => Buffer.from(text)).filter(
    ({ length }) => length >= shortestNeedle,
  );
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const forms = [value, ...jsonForms(value), ...base64Forms(bytes)];
  return bytes.length > bulky ? forms : [...forms, ...percentForms(bytes)];
}

function jsonForms(value: string): string[] {
  const plain = JSON.stringify(value).slice(1, -1);
  const ascii = (digits: (hex: string) => string): string =>
    plain.replace(/[\u007f-\uffff]/g, (char) => `\\u${digits(char.charCodeAt(0).toString(16).padStart(4, '0'))}`);
  const once = [plain, ascii((hex) => hex), ascii((hex) => hex.toUpperCase())];
  const slashed = once.map((text) => text.replaceAll('/', '\\/'));
  return [...once, ...slashed, ...once.map((text) => JSON.stringify(text).slice(1, -1))];
}

function base64Forms(bytes: Buffer): string[] {
  const standard = [bytes.toString('base64'), ...[0, 1, 2].map((before) => stableCore(bytes, before))];
  return standard.flatMap((text) => [text, urlSafe(text), urlSafe(text).replace(/=+$/, '')]);
}

/** The characters of a base64 text that depend on nothing but these bytes, when `before` bytes come ahead of them in their group. */
function stableCore(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  const firstWhole = Math.ceil((before * 8) / 6);
  const end = Math.floor(((before + bytes.length) * 8) / 6);
  return text.slice(firstWhole, end);
}

function wrappedForms(bytes: Buffer): string[] {
  const core = stableCore(bytes, 0);
  return [64, 76].flatMap((width) =>
    core.length <= width ? [] : (core.match(new RegExp(`.{16,${width}}`, 'g')) ?? []),
  );
}

function percentForms(bytes: Buffer): string[] {
  const forms = percentDialects.map((codes) => bytes.reduce((text, byte) => text + codes[byte], ''));
  return forms.flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]);
}

/** By byte, what encodeURIComponent, RFC 3986, path quoting, encodeURI, PHP's urlencode, HTML forms and Python's quote_plus write. */
const percentDialects: readonly (readonly string[])[] = [
  { safe: "-_.~!'()*", space: '%20' },
  { safe: '-_.~', space: '%20' },
  { safe: '-_.~/', space: '%20' },
  { safe: "-_.~!'()*;/?:@&=+$,#", space: '%20' },
  { safe: '-_.', space: '+' },
  { safe: '-_.*', space: '+' },
  { safe: '-_.~', space: '+' },
].map(({ safe, space }) =>
  Array.from({ length: 256 }, (_, byte) => {
    const char = String.fromCharCode(byte);
    if (char === ' ') return space;
    return /[A-Za-z0-9]/.test(char) || safe.includes(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }),
);

/** Lines that identify the secret: long enough, and not the armour of a PEM block. */
function linesOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  return lines.length === 1 ? [] : lines.filter((line) => line.length >= 8 && !line.startsWith('-----'));
}

function urlSafe(text: string): string {
  return text.replaceAll('+', '-').replaceAll('/', '_');
}
