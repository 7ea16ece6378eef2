/**
 * JSON of users, kept as it was written: key order (integer-like keys too), `1.0`, 20-digit integers, `{}` apart from `[]`.
 * Objects are Maps, numbers keep their text. Syntax is RFC 8259; a duplicate key keeps its first place and its last value.
 */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): number {
    return Number(this.text);
  }
}

export class JsonSyntaxError extends Error {
  readonly line: number;
  readonly column: number;
  /** The message without the position. */
  readonly detail: string;
  constructor(message: string, line: number, column: number) {
    super(`${message} (line ${line}, column ${column})`);
    this.name = 'JsonSyntaxError';
    this.detail = message;
    this.line = line;
    this.column = column;
  }
}

const maxDepth = 256;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const stringPattern = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const blankPattern = /[ \t\r\n]*/y;

/** @throws JsonSyntaxError with line and column; also for nesting deeper than 256. */
export function parseJson(text: string): Json {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  let at = 0;

  const fail = (message: string, position = at): never => {
    const before = source.slice(0, position);
    const line = before.split('\n').length;
    throw new JsonSyntaxError(message, line, position - before.lastIndexOf('\n'));
  };
  const skipBlanks = (): void => {
    blankPattern.lastIndex = at;
    blankPattern.exec(source);
    at = blankPattern.lastIndex;
  };
  const take = (pattern: RegExp, what: string): string => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) return fail(`${what} expected`);
    at = pattern.lastIndex;
    return match[0];
  };
  const expect = (char: string): void => {
    if (source[at] !== char) fail(at >= source.length ? 'unexpected end of the document' : `"${char}" expected`);
    at += 1;
  };
  const word = (text: string, value: null | boolean): null | boolean => {
    if (!source.startsWith(text, at)) fail('value expected');
    at += text.length;
    return value;
  };

  const value = (depth: number): Json => {
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth} levels`);
    skipBlanks();
    switch (source[at]) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return JSON.parse(take(stringPattern, 'a valid string')) as string;
      case 't':
        return word('true', true);
      case 'f':
        return word('false', false);
      case 'n':
        return word('null', null);
      case undefined:
        return fail('unexpected end of the document');
      default:
        return new JsonNumber(take(numberPattern, 'value'));
    }
  };
  const object = (depth: number): JsonObject => {
    const entries = new Map<string, Json>();
    at += 1;
    skipBlanks();
    if (source[at] === '}') {
      at += 1;
      return entries;
    }
    for (;;) {
      skipBlanks();
      const key = JSON.parse(take(stringPattern, 'a quoted key')) as string;
      skipBlanks();
      expect(':');
      entries.set(key, value(depth + 1));
      skipBlanks();
      if (source[at] !== ',') break;
      at += 1;
    }
    expect('}');
    return entries;
  };
  const array = (depth: number): readonly Json[] => {
    const items: Json[] = [];
    at += 1;
    skipBlanks();
    if (source[at] === ']') {
      at += 1;
      return items;
    }
    for (;;) {
      items.push(value(depth + 1));
      skipBlanks();
      if (source[at] !== ',') break;
      at += 1;
    }
    expect(']');
    return items;
  };

  const result = value(0);
  skipBlanks();
  if (at < source.length) fail('the document goes on after its end');
  return result;
}

/** The tree as text; `indent` spaces a level, 0 for one line. Numbers appear as they were written. */
export function stringifyJson(json: Json, indent = 0): string {
  const write = (value: Json, level: number): string => {
    if (value instanceof JsonNumber) return value.text;
    if (isJsonObject(value)) {
      return wrap(
        '{',
        '}',
        Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}${write(item, level + 1)}`),
        level,
      );
    }
    if (isJsonArray(value)) {
      return wrap(
        '[',
        ']',
        value.map((item) => write(item, level + 1)),
        level,
      );
    }
    return JSON.stringify(value);
  };
  const wrap = (open: string, close: string, parts: readonly string[], level: number): string => {
    if (parts.length === 0) return open + close;
    if (indent === 0) return `${open}${parts.join(',')}${close}`;
    const inner = ' '.repeat(indent * (level + 1));
    return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${' '.repeat(indent * level)}${close}`;
  };
  return write(json, 0);
}

export function isJsonObject(json: Json | undefined): json is JsonObject {
  return json instanceof Map;
}

export function isJsonArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

/** Text, number, boolean or null: what PHP calls scalar, and null. */
export function isScalar(json: Json | undefined): json is null | boolean | string | JsonNumber {
  return json !== undefined && !isJsonObject(json) && !isJsonArray(json);
}

/** The value below a path of keys and indexes, or `undefined`. */
export function at(json: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let value = json;
  for (const key of path) {
    if (isJsonObject(value)) value = value.get(String(key));
    else if (isJsonArray(value)) value = value[Number(key)];
    else return undefined;
  }
  return value;
}

/** Plain JavaScript values for validators and code; numbers become numbers and may lose digits. `__proto__` is an ordinary key. */
export function toPlain(json: Json): unknown {
  if (json instanceof JsonNumber) return Number(json.text);
  if (isJsonArray(json)) return json.map(toPlain);
  if (isJsonObject(json)) {
    const plain: Record<string, unknown> = {};
    for (const [key, value] of json) {
      Object.defineProperty(plain, key, {
        value: toPlain(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return plain;
  }
  return json;
}

/** The tree of plain values; `undefined` properties are left out. */
export function fromPlain(plain: unknown): Json {
  if (plain === null || typeof plain === 'boolean' || typeof plain === 'string') return plain;
  if (plain instanceof JsonNumber) return plain;
  if (typeof plain === 'number' || typeof plain === 'bigint') return new JsonNumber(String(plain));
  if (Array.isArray(plain)) return plain.map(fromPlain);
  if (plain instanceof Map) return new Map(Array.from(plain, ([key, value]) => [String(key), fromPlain(value)]));
  if (typeof plain === 'object') {
    return new Map(
      Object.entries(plain)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, fromPlain(value)]),
    );
  }
  throw new TypeError(`a ${typeof plain} is not JSON`);
}
