import { type Problem, throwProblems } from '../../base/errors.ts';
import { parseReference } from '../reference.ts';

const mostImages = 30;

/**
 * Who writes a Dockerfile decides where this machine connects to, and with whose credentials: only to registries that somebody who may
 * decide that has named. @throws UserError with every image that is refused
 */
export function refuseForeign(
  references: readonly string[],
  { registries, own }: { readonly registries: readonly string[]; readonly own: string },
): void {
  const allowed = new Set([...registries, parseReference(own).domain]);
  const problems = references.flatMap((reference): readonly Problem[] => {
    const { domain: host } = parseReference(reference);
    if (allowed.has(host)) return [];
    const hint = `allowed are ${[...allowed].join(', ')}; others must stand in the setting images.build.registries`;
    return [{ message: `images of ${host} are not allowed: ${reference}`, hint }];
  });
  if (references.length > mostImages)
    problems.push({ message: `${references.length} images, ${mostImages} are allowed` });
  throwProblems('The Dockerfile names base images that are refused', problems);
}
