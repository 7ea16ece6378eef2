import { InfrastructureError } from '../base/errors.ts';

/**
 * The format of a job's folder (journal, plan, record) and of its containers, as this version makes them. The plan says it, and a label of
 * each container. 2: plans with networks, data types and limits of the operator.
 */
export const jobFormat = 2;

/** Those that this version goes on with. */
const readable: readonly unknown[] = [1, jobFormat];

/** @throws InfrastructureError naming the job and both formats when another version has to end what it began */
export function assertJobFormat({
  job,
  formatVersion,
}: {
  readonly job: string;
  readonly formatVersion: unknown;
}): void {
  if (readable.includes(formatVersion)) return;
  throw new InfrastructureError(
    `job ${job} has the format ${String(formatVersion)}, this version reads format ${readable.join(' and ')}`,
    { reason: 'format', hint: 'Resume or sweep it with the version that began it, or a newer one.' },
  );
}
