import type { Catalogue } from './catalogue.ts';
import { isSecret, newSecret } from './token-secret.ts';

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
  const { text, salt, hash } = newSecret();
  const now = Date.now();
  const { id } = catalogue.run(
    'INSERT INTO tokens (description, kind, salt, hash, created, expires) VALUES (?, ?, ?, ?, ?, ?)',
    token.description,
    token.kind,
    salt,
    hash,
    now,
    token.expires ?? null,
  );
  return { id: String(id), secret: `${id}-${text}` };
}

/** The token of a secret, unless it is revoked or expired. */
export function tokenOf(
  catalogue: Catalogue,
  secret: string,
): { readonly id: string; readonly kind: string } | undefined {
  const [id = '', text = ''] = secret.split(/-(.*)/s);
  if (!/^\d{1,15}$/.test(id)) return undefined;
  const row = catalogue.one('SELECT kind, salt, hash, expires FROM tokens WHERE id = ?', Number(id));
  if (row === undefined || !isSecret(text, { salt: row.salt as string, hash: row.hash as string })) return undefined;
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
