import type { Cipher, SecretIds } from '../../base/cipher.ts';
import { type Problem, throwProblems } from '../../base/errors.ts';
import type { BuildSecrets } from '../../image/build/types.ts';
import type { BuildPlan } from './types.ts';
import { fillIn, insertionOf } from './values.ts';

/** The secrets of a build, opened. @throws UserError for one that does not open, or is not what its parameter allows */
export function openSecrets({ secrets }: BuildPlan, cipher: Cipher, ids: SecretIds): BuildSecrets {
  const { encryptedPassword, files, values } = secrets;
  const problems: Problem[] = [];
  const opened: string[] = [];
  const known = new Map<string, string>();
  for (const { parameter, encryptedValue } of values) {
    const value = encryptedValue === '' ? '' : cipher.decrypt(encryptedValue, ids);
    opened.push(value);
    const insertion = insertionOf(parameter, value);
    if ('problem' in insertion) problems.push(insertion.problem);
    else known.set(parameter.name, insertion.text);
  }
  throwProblems(`The image of ${ids.component} cannot be built`, problems);
  const password = encryptedPassword === undefined ? undefined : cipher.decrypt(encryptedPassword, ids);
  return {
    ...(password !== undefined && { password }),
    hidden: [...opened, ...(password === undefined ? [] : [password])].filter((secret) => secret !== ''),
    files: Object.fromEntries(files.map(({ id, text }) => [id, fillIn(text, known)])),
  };
}
