import type { ImageRequest } from '../image/types.ts';
import type { JobContext } from './context.ts';
import type { ImagePlan } from './types.ts';

/** What is asked for an image of the plan, its secret opened. @throws UserError when that does not open */
export function imageRequest(
  { credentials, reference, digest, policy, component }: ImagePlan,
  { cipher, plan }: Pick<JobContext, 'cipher' | 'plan'>,
): ImageRequest {
  const request = { reference, policy, ...(digest !== undefined && { digest }) };
  if (credentials === undefined) return request;
  const { encryptedPassword, ...others } = credentials;
  const password = cipher.decrypt(encryptedPassword, { component, project: plan.project.id });
  return { ...request, credentials: { ...others, password } };
}
