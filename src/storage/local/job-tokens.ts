import type { Catalogue } from './catalogue.ts';
import type { Guard } from './guard.ts';
import { type IssuedToken, issueToken } from './issued-token.ts';

/** A token for a job, with the rights of the guard's; the job's earlier ones are revoked. `expires`: milliseconds. */
export function issueJobToken(catalogue: Catalogue, guard: Guard, jobId: string, expires: number): IssuedToken {
  return catalogue.write(() => {
    revokeJobTokens(catalogue, jobId);
    guard.require();
    const token = {
      kind: 'job',
      description: `job ${jobId}`,
      expires,
      parent: Number(guard.token.id),
      job: jobId,
    } as const;
    return issueToken(catalogue, token);
  });
}

/** Forgets every token of a job; none is fine. Inside a transaction of the caller or alone. */
export function revokeJobTokens(catalogue: Catalogue, jobId: string): void {
  catalogue.run("DELETE FROM tokens WHERE job = ? AND kind = 'job'", jobId);
}
