import { UserError } from '../../base/errors.ts';
import type { TokenInfo } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import type { Guard } from './guard.ts';
import { holderOf, rightsOf, type TokenKind } from './holder.ts';
import { type IssuedToken, issueToken, renewSecret } from './issued-token.ts';
import { assertPatterns, type Rights } from './rights.ts';
import { isoTime } from './times.ts';

/** A token as the catalogue knows it. */
export interface TokenRecord {
  readonly id: string;
  readonly kind: TokenKind;
  readonly description: string;
  readonly created: string;
  readonly expires: string | null;
  /** False also when one it came from has expired. */
  readonly isValid: boolean;
  /** The token it came from, whose rights it never exceeds; `null` when that is the project's own. */
  readonly parent: string | null;
  /** Absent: all of them (`admin`), or those of its parent (`job`). */
  readonly rights?: Rights;
}

/** What a new token is to be. `expires`: milliseconds, `undefined` for never. */
export interface TokenInput {
  readonly description: string;
  readonly expires: number | undefined;
  readonly rights: Rights;
}

/** A token of any kind, whether it is worth anything or not. */
export function tokenInfo(catalogue: Catalogue, id: string): TokenInfo | undefined {
  const row = /^\d{1,15}$/.test(id)
    ? catalogue.one('SELECT description FROM tokens WHERE id = ?', Number(id))
    : undefined;
  return row && { id, description: row.description as string };
}

/** Gets a secret before it is in force, inside the transaction: what throws here undoes it. */
export type KeepSecret = (secret: string) => void;

/** A token that may at most what the guard's may. @throws UserError, nothing is changed then */
export function createToken(
  catalogue: Catalogue,
  guard: Guard,
  input: TokenInput,
  keep: KeepSecret = () => undefined,
): IssuedToken {
  const { description, expires, rights } = input;
  if (description.trim() === '' || description.length > 200 || /\p{Cc}/u.test(description)) {
    throw new UserError('a description has 1 to 200 characters, and no control characters', {
      hint: 'Say who uses the token, and what for.',
    });
  }
  if (expires !== undefined && expires <= Date.now()) {
    throw new UserError(`a token that expired on ${isoTime(expires)} is of no use`, { hint: 'Name a moment to come.' });
  }
  assertPatterns(rights.buckets);
  return catalogue.write(() => {
    guard.require({ on: 'tokens', to: 'manage' });
    const parent = guard.isAdmin() ? {} : { parent: Number(guard.token.id) };
    const issued = issueToken(catalogue, { kind: 'token', description, expires, rights, ...parent });
    keep(issued.secret);
    return issued;
  });
}

/** The tokens that the guard's may see, by id: all, those that came from it, or itself alone. Those of jobs are left out. */
export function listTokens(catalogue: Catalogue, guard: Guard): readonly TokenRecord[] {
  return catalogue.read(() => {
    const rows = catalogue.all("SELECT * FROM tokens WHERE kind <> 'job' ORDER BY id");
    return rows.filter((row) => isReachable(catalogue, guard, row)).map((row) => recordOf(catalogue, row));
  });
}

/** @throws UserError when there is no such token, for the guard's own as well */
export function showToken(catalogue: Catalogue, guard: Guard, id: string): TokenRecord {
  return catalogue.read(() => recordOf(catalogue, reachable(catalogue, guard, id)));
}

/** Revokes a token and those that came from it; returns their ids. Nobody revokes the project's own, or the token he uses. @throws UserError */
export function removeToken(catalogue: Catalogue, guard: Guard, id: string): readonly string[] {
  return catalogue.write(() => {
    const row = reachable(catalogue, guard, id);
    const known =
      row.kind === 'admin' ? "the project's own" : String(row.id) === guard.token.id ? 'the one in use' : '';
    if (known !== '') {
      throw new UserError(`token ${id} is ${known} and is not removed`, {
        hint: 'Give it a new secret with `componentd storage token refresh`.',
      });
    }
    const before = idsOf(catalogue);
    catalogue.run('DELETE FROM tokens WHERE id = ?', row.id as number);
    const after = new Set(idsOf(catalogue));
    return before.filter((one) => !after.has(one));
  });
}

/** A new secret for a token; the old one is worth nothing from now on. @throws UserError */
export function refreshToken(
  catalogue: Catalogue,
  guard: Guard,
  id: string,
  keep: KeepSecret = () => undefined,
): IssuedToken {
  return catalogue.write(() => {
    const row = reachable(catalogue, guard, id);
    const secret = renewSecret(catalogue, row.id as number);
    keep(secret);
    return { id: String(row.id), secret };
  });
}

/** The row of a token that the guard's may handle. What it may not is answered like what is not there. */
function reachable(catalogue: Catalogue, guard: Guard, id: string): Row {
  const row = /^\d{1,15}$/.test(id)
    ? catalogue.one("SELECT * FROM tokens WHERE id = ? AND kind <> 'job'", Number(id))
    : undefined;
  if (row !== undefined && isReachable(catalogue, guard, row)) return row;
  throw new UserError(`there is no token ${JSON.stringify(id)} that the token "${guard.token.description}" may see`, {
    hint: 'See `componentd storage token ls`.',
  });
}

function isReachable(catalogue: Catalogue, guard: Guard, row: Row): boolean {
  if (guard.isAdmin() || String(row.id) === guard.token.id) return true;
  return guard.viewer()({ on: 'tokens', to: 'manage' }) && cameFrom(catalogue, row, Number(guard.token.id));
}

/** Whether a token was made by another one, or by one that that one made. */
function cameFrom(catalogue: Catalogue, row: Row, ancestor: number): boolean {
  for (let parent = row.parent as number | null; parent !== null; ) {
    if (parent === ancestor) return true;
    parent = (catalogue.one('SELECT parent FROM tokens WHERE id = ?', parent)?.parent ?? null) as number | null;
  }
  return false;
}

function recordOf(catalogue: Catalogue, row: Row): TokenRecord {
  const kind = row.kind as TokenKind;
  return {
    id: String(row.id),
    kind,
    description: row.description as string,
    created: isoTime(row.created as number),
    expires: row.expires === null ? null : isoTime(row.expires as number),
    isValid: holderOf(catalogue, row.id as number).state === 'valid',
    parent: row.parent === null ? null : String(row.parent),
    ...(kind === 'token' && { rights: rightsOf(row) }),
  };
}

function idsOf(catalogue: Catalogue): readonly string[] {
  return catalogue.all("SELECT id FROM tokens WHERE kind <> 'job' ORDER BY id").map(({ id }) => String(id));
}
