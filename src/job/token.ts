import type { JobContext } from './context.ts';
import type { Plan } from './types.ts';

const lifetimeSeconds = 7 * 86_400;

/**
 * The job's own Storage token, as environment of the stages that forward it. Made once: its secret lies encrypted in the journal, so
 * that a later process can redact it too. The job's scope revokes it.
 */
export async function openToken(context: Omit<JobContext, 'tokenEnv'>): Promise<Record<string, string>> {
  const { plan, journal, storage, cipher, secrets } = context;
  if (!forwardsToken(plan)) return {};
  const bound = { kind: 'ProjectSecure', component: plan.component, project: plan.project.id } as const;
  const token = await journal.step('token', async () => {
    const issued = await storage.issueJobToken(plan.job, lifetimeSeconds);
    return { id: issued.id, encryptedSecret: cipher.encrypt(issued.secret, bound) };
  });
  const secret = cipher.decrypt(token.encryptedSecret, bound);
  secrets.add(secret);
  return { KBC_TOKEN: secret, KBC_URL: plan.project.url };
}

export function forwardsToken({ rows }: Plan): boolean {
  return rows.some((row) => row.stages.some((stage) => stage.forwardToken));
}
