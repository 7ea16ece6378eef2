/** One way a server offers to authenticate (RFC 9110, section 11): the scheme in lower case, its parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

const blank = /[ \t]*/y;
const separators = /[ \t,]*/y;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const maxLength = 16_384;

/**
 * Takes a `WWW-Authenticate` value apart: several challenges may share one, separated by the same commas as their parameters.
 * Reading stops at the first thing that is not of the grammar; what was read until then counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, maxLength);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  const parameter = (): [string, string] | undefined => {
    const start = at;
    const name = take(token)?.[0];
    take(blank);
    if (name !== undefined && text[at] === '=') {
      at += 1;
      take(blank);
      const value = take(quoted)?.[1]?.replace(/\\(.)/g, '$1') ?? take(token)?.[0];
      if (value !== undefined) return [name.toLowerCase(), value];
    }
    at = start;
    return undefined;
  };

  const challenges: Challenge[] = [];
  for (;;) {
    take(separators);
    const scheme = take(token)?.[0];
    if (scheme === undefined) return challenges;
    const params = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), params });
    take(blank);
    let found = parameter();
    if (found === undefined && take(token68) !== undefined) continue;
    while (found !== undefined) {
      if (!params.has(found[0])) params.set(found[0], found[1]);
      take(separators);
      found = parameter();
    }
  }
}
