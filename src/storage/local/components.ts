import type { Cipher } from '../../base/cipher.ts';
import { UserError } from '../../base/errors.ts';
import { isJsonObject, type Json, JsonSyntaxError, parseJson, stringifyJson } from '../../base/json.ts';
import type { Catalogue } from './catalogue.ts';

/** What encrypts, and for which project. */
export interface Secrets {
  readonly cipher: Cipher;
  readonly project: string;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Stores a component's definition (JSON text) over an earlier one, `#` values encrypted. @throws UserError for an id or text that is none */
export function addComponent(catalogue: Catalogue, { cipher }: Secrets, id: string, definition: string): void {
  if (!idPattern.test(id)) {
    throw new UserError(`${JSON.stringify(id)} is not a component id`, {
      hint: 'Use letters, digits, ".", "_" and "-".',
    });
  }
  const tree = parsedObject(definition, `the definition of ${id}`);
  const text = stringifyJson(cipher.encryptTree(tree, { kind: 'ComponentSecure', component: id }));
  catalogue.run(
    'INSERT INTO components (id, definition, created) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET definition = excluded.definition',
    id,
    text,
    Date.now(),
  );
}

export function componentDefinition(catalogue: Catalogue, id: string): string | undefined {
  return catalogue.one('SELECT definition FROM components WHERE id = ?', id)?.definition as string | undefined;
}

/** Components by id, definitions as stored. */
export function listComponents(catalogue: Catalogue): readonly { readonly id: string; readonly definition: string }[] {
  return catalogue
    .all('SELECT id, definition FROM components ORDER BY id')
    .map(({ id, definition }) => ({ id: id as string, definition: definition as string }));
}

/** JSON text that must be an object; an empty list counts as an empty object, as PHP writes it. @throws UserError with line and column */
export function parsedObject(text: string, source: string): Json {
  try {
    const tree = parseJson(text);
    if (isJsonObject(tree)) return tree;
    if (Array.isArray(tree) && tree.length === 0) return new Map();
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column, message } = error;
    throw new UserError(`${source}: ${message}`, { problems: [{ source, line, column, message }] });
  }
  throw new UserError(`${source} must be a JSON object`, { problems: [{ source, message: 'must be a JSON object' }] });
}
