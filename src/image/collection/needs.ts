import { parseReference } from '../reference.ts';

/** An image that a job needs which has not ended, or for which a container was made. */
export interface ImageNeed {
  /** In any spelling. */
  readonly reference: string;
  /** It may be here under its digest only. */
  readonly digest?: string;
  readonly job: string;
}

/** Looks anew each time: whoever has written down his need before the call is found. */
export type FindNeeds = () => Promise<readonly ImageNeed[]>;

/** The ids of the jobs by the name of the image record that they need. */
export function jobsByImage(needs: readonly ImageNeed[]): ReadonlyMap<string, readonly string[]> {
  const jobs = new Map<string, Set<string>>();
  for (const need of needs) {
    for (const name of namesOf(need)) jobs.set(name, (jobs.get(name) ?? new Set()).add(need.job));
  }
  return new Map([...jobs].map(([name, ids]) => [name, [...ids].sort()]));
}

/** A container of another client may name anything. */
function namesOf({ reference, digest }: ImageNeed): readonly string[] {
  try {
    const { name, domain, path } = parseReference(reference);
    return digest === undefined ? [name] : [name, `${domain}/${path}@${digest}`];
  } catch {
    return [reference];
  }
}
