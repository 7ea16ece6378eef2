import { createHash, randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID (48 bits of milliseconds, 80 random bits, Crockford base 32): sorts by time, unique without coordination. */
export function ulid(now = Date.now()): string {
  let time = '';
  for (let rest = now, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) time = `${alphabet[rest % 32]}${time}`;
  let random = '';
  for (const byte of randomBytes(16)) random += alphabet[byte % 32];
  return time + random;
}

export const ulidPattern = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** When the ULID was made, in milliseconds since 1970. */
export function ulidTime(id: string): number {
  return Array.from(id.slice(0, 10)).reduce((time, character) => 32 * time + alphabet.indexOf(character), 0);
}

/** 64 hex digits derived from the parts: the same parts give the same id in every process. */
export function derivedId(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
