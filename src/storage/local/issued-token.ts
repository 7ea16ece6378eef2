import type { Catalogue } from './catalogue.ts';
import type { TokenKind } from './holder.ts';
import type { Rights } from './rights.ts';
import { newSecret } from './salted-secret.ts';

export interface IssuedToken {
  readonly id: string;
  /** Shown once; the catalogue keeps a salted hash of it. */
  readonly secret: string;
}

interface NewToken {
  readonly description: string;
  /** Milliseconds, `undefined` for never. */
  readonly expires: number | undefined;
  readonly kind: TokenKind;
  readonly rights?: Rights;
  readonly parent?: number;
  readonly job?: string;
}

/** Inside a transaction of the caller or alone. */
export function issueToken(
  catalogue: Catalogue,
  { kind, description, expires, rights, parent, job }: NewToken,
): IssuedToken {
  const { text, salt, hash } = newSecret();
  const { id } = catalogue.run(
    'INSERT INTO tokens (description, kind, salt, hash, rights, parent, job, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    description,
    kind,
    salt,
    hash,
    JSON.stringify(rights ?? {}),
    parent ?? null,
    job ?? null,
    Date.now(),
    expires ?? null,
  );
  return { id: String(id), secret: secretText(id, text) };
}

/** A new secret for a token that is there. Inside a transaction of the caller. */
export function renewSecret(catalogue: Catalogue, id: number): string {
  const { text, salt, hash } = newSecret();
  catalogue.run('UPDATE tokens SET salt = ?, hash = ? WHERE id = ?', salt, hash, id);
  return secretText(id, text);
}

/** The id finds the row; the rest proves it. */
function secretText(id: number, text: string): string {
  return `${id}-${text}`;
}
