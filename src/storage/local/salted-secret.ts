import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A secret's part in the catalogue. */
export interface KeptSecret {
  readonly salt: string;
  readonly hash: string;
}

/** A new secret, and what is kept of it. A secret has 256 random bits: no slow hash is needed. */
export function newSecret(): KeptSecret & { readonly text: string } {
  const text = randomBytes(32).toString('base64url');
  const salt = randomBytes(16).toString('hex');
  return { text, salt, hash: saltedHash(sha256(text), salt) };
}

/** Whether this is the secret; takes equally long whatever is wrong with it. */
export function isSecret(text: string, { salt, hash }: KeptSecret): boolean {
  const kept = Buffer.from(hash, 'hex');
  const given = Buffer.from(saltedHash(sha256(text), salt), 'hex');
  return kept.length === given.length && timingSafeEqual(kept, given);
}

/** The first format kept SHA-256 of the secret: the salt goes around that. Never to be changed, stored hashes depend on it. */
export function saltedHash(digest: string, salt: string): string {
  return sha256(`${salt}:${digest}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
