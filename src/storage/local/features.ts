import { UserError } from '../../base/errors.ts';
import type { ProjectParts } from './parts.ts';

const namePattern = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** Turns a feature of the project on or off; answers all that are on. Only for the project's own token. @throws UserError */
export function setFeature(
  { catalogue, guard, token }: Pick<ProjectParts, 'catalogue' | 'guard' | 'token'>,
  name: string,
  isOn: boolean,
): readonly string[] {
  if (!namePattern.test(name)) {
    throw new UserError(`${JSON.stringify(name)} is not a feature`, { hint: 'Use small letters, digits and "-".' });
  }
  return catalogue.write(() => {
    if (!guard.isAdmin()) {
      throw new UserError(`the token "${token.description}" may not change the project`, {
        reason: 'forbidden',
        hint: "Use the project's own token.",
      });
    }
    const before = JSON.parse(
      catalogue.one("SELECT value FROM meta WHERE key = 'features'")?.value as string,
    ) as string[];
    const others = before.filter((feature) => feature !== name);
    const after = isOn ? [...others, name] : others;
    catalogue.run("UPDATE meta SET value = ? WHERE key = 'features'", JSON.stringify(after));
    return after;
  });
}
