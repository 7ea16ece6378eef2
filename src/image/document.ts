import { UserError } from '../base/errors.ts';

export interface DocumentBounds {
  /** How the document is called in an error, for example `the manifest of docker.io/library/x:1`. */
  readonly what: string;
  readonly maxBytes: number;
}

/** JSON that came from outside, read with care: every getter throws a UserError that names the document and the place. */
export type Document = Readonly<Record<string, unknown>>;

const maxDepth = 32;

/** Parses JSON of bounded size and at most 32 levels. @throws UserError */
export function parseBounded(bytes: Buffer, { what, maxBytes }: DocumentBounds): unknown {
  if (bytes.length > maxBytes) throw invalid(what, `it is larger than ${maxBytes} bytes`);
  const text = bytes.toString('utf8');
  if (deeperThan(text, maxDepth)) throw invalid(what, `it is nested deeper than ${maxDepth} levels`);
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
  return new UserError(`${what} cannot be used: ${problem}`, { reason });
}

/** Of an image that cannot run on this machine, or nowhere. */
export type InvalidReason = 'image_platform' | 'image_invalid';

function deeperThan(text: string, limit: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (inText) {
      if (char === 0x5c) at += 1;
      else if (char === 0x22) inText = false;
    } else if (char === 0x22) inText = true;
    else if (char === 0x7b || char === 0x5b) {
      depth += 1;
      if (depth > limit) return true;
    } else if (char === 0x7d || char === 0x5d) depth -= 1;
  }
  return false;
}
