import { createHash, randomBytes } from 'node:crypto';
import type { Catalogue } from './catalogue.ts';

export interface IssuedToken {
  readonly id: string;
  /** Shown once; the catalogue keeps its hash. */
  readonly secret: string;
}

/** A new token. `expires`: milliseconds, `undefined` for never. Inside a transaction of the caller or alone. */
export function issueToken(
  catalogue: Catalogue,
  token: { readonly kind: 'admin' | 'job'; readonly description: string; readonly expires: number | undefined },
): IssuedToken {
  const secret = randomBytes(32).toString('base64url');
  const now = Date.now();
  const { id } = catalogue.run(
    'INSERT INTO tokens (description, kind, hash, created, expires) VALUES (?, ?, ?, ?, ?)',
    token.description,
    token.kind,
    hashOf(secret),
    now,
    token.expires ?? null,
  );
  return { id: String(id), secret: `${id}-${secret}` };
}

/** The token of a secret, unless it is revoked or expired. */
export function tokenOf(
  catalogue: Catalogue,
  secret: string,
): { readonly id: string; readonly kind: string } | undefined {
  const [id = '', text = ''] = secret.split(/-(.*)/s);
  const row = catalogue.one('SELECT id, kind, expires FROM tokens WHERE hash = ?', hashOf(text));
  if (row === undefined || String(row.id) !== id) return undefined;
  if (row.expires !== null && (row.expires as number) <= Date.now()) return undefined;
  return { id, kind: row.kind as string };
}

/** A new token for a job; the job's earlier ones are revoked. `expires`: milliseconds. */
export function issueJobToken(catalogue: Catalogue, jobId: string, expires: number): IssuedToken {
  return catalogue.write(() => {
    revokeJobTokens(catalogue, jobId);
    return issueToken(catalogue, { kind: 'job', description: jobDescription(jobId), expires });
  });
}

/** Forgets every token of a job; none is fine. Inside a transaction of the caller or alone. */
export function revokeJobTokens(catalogue: Catalogue, jobId: string): void {
  catalogue.run("DELETE FROM tokens WHERE description = ? AND kind = 'job'", jobDescription(jobId));
}

/** What a job's tokens are found by. */
function jobDescription(jobId: string): string {
  return `job ${jobId}`;
}

/** A token has 256 random bits: one round of SHA-256 is enough. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
