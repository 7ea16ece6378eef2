import { parseReference } from '../reference.ts';

/** An image that a job needs which has not ended, or for which a container was made. */
export interface ImageNeed {
  /** In any spelling. */
  readonly reference: string;
  readonly job: string;
}

/** Looks anew each time: whoever has written down his need before the call is found. */
export type FindNeeds = () => Promise<readonly ImageNeed[]>;

/** The ids of the jobs by the name of the image record that they need. */
export function jobsByImage(needs: readonly ImageNeed[]): ReadonlyMap<string, readonly string[]> {
  const jobs = new Map<string, Set<string>>();
  for (const { reference, job } of needs) {
    const name = nameOf(reference);
    jobs.set(name, (jobs.get(name) ?? new Set()).add(job));
  }
  return new Map([...jobs].map(([name, ids]) => [name, [...ids].sort()]));
}

/** A container of another client may name anything. */
function nameOf(reference: string): string {
  try {
    return parseReference(reference).name;
  } catch {
    return reference;
  }
}
