import type { Need } from '../../job/storage.ts';
import type { Catalogue, Row } from './catalogue.ts';
import { covers, noRights, type Rights } from './rights.ts';
import { isSecret } from './salted-secret.ts';
import { isoTime } from './times.ts';

/** What a token is worth at this moment. */
export type Holder =
  | {
      readonly state: 'valid';
      /** Whose its files are: its own id, or for a job's token that of the token the job runs under. */
      readonly owner: number;
      readonly kind: TokenKind;
      readonly may: (need: Need) => boolean;
    }
  | { readonly state: 'gone' }
  | { readonly state: 'expired'; readonly since: string };

/** `admin`: the project's own, may everything. `job`: issued for one job. */
export type TokenKind = 'admin' | 'token' | 'job';

/**
 * Reads a token with those it came from. It may what every one of them may, so nobody makes a token that may more than he, and it lasts no
 * longer than any of them. A job's token has the rights of its job's, but never manages tokens: what it made would outlive the job.
 */
export function holderOf(catalogue: Catalogue, id: number): Holder {
  const chain: Rights[] = [];
  let first: TokenKind | undefined;
  let owner: number | undefined;
  let isOfJob = false;
  for (let at: number | null = id; at !== null; ) {
    const row = catalogue.one('SELECT kind, rights, expires, parent FROM tokens WHERE id = ?', at);
    if (row === undefined) return { state: 'gone' };
    if (row.expires !== null && (row.expires as number) <= Date.now()) {
      return { state: 'expired', since: isoTime(row.expires as number) };
    }
    first ??= row.kind as TokenKind;
    if (row.kind === 'job') isOfJob = true;
    else owner ??= at;
    if (row.kind === 'token') chain.push(rightsOf(row));
    at = row.parent as number | null;
  }
  const may = (need: Need): boolean => {
    if (isOfJob && need.on === 'tokens') return false;
    return chain.every((rights) => covers(rights, need));
  };
  return { state: 'valid', owner: owner ?? id, kind: first ?? 'job', may };
}

/** The rights that a token was made with. */
export function rightsOf({ rights }: Row): Rights {
  return { ...noRights, ...(JSON.parse(rights as string) as Partial<Rights>) };
}

/** The token of a secret; `undefined` when there is none, whether it has expired or not. */
export function tokenOf(
  catalogue: Catalogue,
  secret: string,
): { readonly id: string; readonly kind: TokenKind } | undefined {
  const [id = '', text = ''] = secret.split(/-(.*)/s);
  if (!/^\d{1,15}$/.test(id)) return undefined;
  const row = catalogue.one('SELECT kind, salt, hash FROM tokens WHERE id = ?', Number(id));
  if (row === undefined || !isSecret(text, { salt: row.salt as string, hash: row.hash as string })) return undefined;
  return { id, kind: row.kind as TokenKind };
}
