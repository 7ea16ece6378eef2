import { InfrastructureError } from '../base/errors.ts';
import type { Plan } from './types.ts';

/**
 * The formats of a job's folder (journal, plan and record) that this version goes on with. The plan says which one it is; so does a label
 * of the job's containers.
 */
const readable: readonly unknown[] = [1];

/** @throws InfrastructureError naming the job and both formats when another version has to end what it began */
export function assertJobFormat({ job, formatVersion }: Pick<Plan, 'job' | 'formatVersion'>): void {
  if (readable.includes(formatVersion)) return;
  throw new InfrastructureError(
    `job ${job} has the format ${String(formatVersion)}, this version reads format ${readable.join(', ')}`,
    { reason: 'format', hint: 'Resume or sweep it with the version that began it, or a newer one.' },
  );
}
