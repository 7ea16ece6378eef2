import { isUtf8 } from 'node:buffer';
import { UserError } from '../base/errors.ts';

export interface DocumentBounds {
  /** How the document is called in an error, for example `the manifest of docker.io/library/x:1`. */
  readonly what: string;
  readonly maxBytes: number;
}

/** JSON that came from outside, read with care: every getter throws a UserError that names the document and the place. */
export type Document = Readonly<Record<string, unknown>>;

const maxDepth = 32;
/** Objects, lists and members together: what a document may cost in memory follows from it. */
const maxParts = 100_000;

/** Parses JSON of bounded size, at most 32 levels and 100 000 parts, that means the same to every reader. @throws UserError */
export function parseBounded(bytes: Buffer, { what, maxBytes }: DocumentBounds): unknown {
  if (bytes.length > maxBytes) throw invalid(what, `it is larger than ${maxBytes} bytes`);
  if (!isUtf8(bytes)) throw invalid(what, 'it is not UTF-8');
  const text = bytes.toString('utf8');
  const problem = shapeProblem(text);
  if (problem !== undefined) throw invalid(what, problem);
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(what, 'it is not JSON');
  }
}

/** A bounded JSON object. @throws UserError */
export function parseDocument(bytes: Buffer, bounds: DocumentBounds): Document {
  const value = parseBounded(bytes, bounds);
  if (!isObject(value)) throw invalid(bounds.what, 'it is not a JSON object');
  return value;
}

export function isObject(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An optional text; null counts as absent. */
export function optionalText(document: Document, key: string, what: string): string | undefined {
  const value = own(document, key);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(what, `${key} is not text`);
  return value;
}

/** An optional list of texts; absent and null are the empty list. */
export function optionalTexts(document: Document, key: string, what: string): readonly string[] {
  const value = own(document, key);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw invalid(what, `${key} is not a list of texts`);
  return value;
}

/** A member that the document itself has. */
export function own(document: Document, key: string): unknown {
  return Object.hasOwn(document, key) ? document[key] : undefined;
}

export function invalid(what: string, problem: string, reason: InvalidReason = 'image_invalid'): UserError {
  return new UserError(`${what} cannot be used: ${problem}`, { reason, hint: hints[reason] });
}

const hints = {
  image_invalid: 'Build the image again with a current tool, or use another one.',
  image_platform: 'Use an image that is made for this machine.',
} as const;

/** Of an image that cannot run on this machine, or nowhere. */
export type InvalidReason = 'image_platform' | 'image_invalid';

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];
const blanks = new Set([0x20, 0x09, 0x0a, 0x0d]);
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What is wrong with the shape of a JSON text, found before anything is built from it. Whether it is JSON at all is not looked at. */
function shapeProblem(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === quote) {
      const end = endOfText(text, at);
      const members = open.at(-1);
      if (members !== undefined && nextChar(text, end) === colon) {
        const name = nameOf(text.slice(at, end));
        if (members.has(name)) return `its member ${JSON.stringify(name.slice(0, 100))} is there twice`;
        members.add(name);
        parts += 1;
      }
      at = end - 1;
    } else if (char === openObject || char === openList) {
      open.push(char === openObject ? new Set() : undefined);
      parts += 1;
      if (open.length > maxDepth) return `it is nested deeper than ${maxDepth} levels`;
    } else if (char === closeObject || char === closeList) open.pop();
    if (parts > maxParts) return `it has more than ${maxParts} parts`;
  }
  return undefined;
}

/** Where the quoted text that begins at `at` is over. */
function endOfText(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end += 1) {
    const char = text.charCodeAt(end);
    if (char === backslash) end += 1;
    else if (char === quote) return end + 1;
  }
  return text.length;
}

/** The first character from there on that is no blank; NaN at the end. */
function nextChar(text: string, from: number): number {
  for (let at = from; ; at += 1) {
    const char = text.charCodeAt(at);
    if (!blanks.has(char)) return char;
  }
}

/** Escapes are another spelling of the same name. */
function nameOf(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}
