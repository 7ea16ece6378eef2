import { randomBytes } from 'node:crypto';
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { saltedHash } from './salted-secret.ts';

/** What a step needs of the catalogue. */
export interface Statements {
  script(sql: string): void;
  run(sql: string, ...values: readonly SQLInputValue[]): unknown;
  all(sql: string, ...values: readonly SQLInputValue[]): readonly Readonly<Record<string, SQLOutputValue>>[];
}

/** One step from a format to the next. */
export interface Migration {
  /** What the step brings, for people. */
  readonly what: string;
  /**
   * Changes the catalogue, in the transaction of the caller, with foreign keys checked at its end only. It works on the tables as the steps
   * before it left them, whatever the rest of the program makes of them later: so it is plain SQL, and calls nothing that may change.
   */
  readonly apply: (catalogue: Statements) => void;
}

/**
 * The way from the first format to today's, oldest first: the step at index `i` leads from format `i + 1` to `i + 2`. A new project goes it,
 * too. Steps are appended; one that was released is never changed.
 */
export const migrations: readonly Migration[] = [
  {
    what: 'tokens have rights, salted hashes and a parent; files know their token',
    apply: (catalogue) => {
      catalogue.script(`
ALTER TABLE tokens ADD COLUMN salt TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN rights TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tokens ADD COLUMN parent INTEGER REFERENCES tokens (id) ON DELETE CASCADE;
ALTER TABLE tokens ADD COLUMN job TEXT;
ALTER TABLE files ADD COLUMN token INTEGER;
UPDATE tokens SET job = substr(description, 5), parent = (SELECT min(id) FROM tokens WHERE kind = 'admin') WHERE kind = 'job';`);
      for (const { id, hash } of catalogue.all('SELECT id, hash FROM tokens')) {
        const salt = randomBytes(16).toString('hex');
        catalogue.run(
          'UPDATE tokens SET salt = ?, hash = ? WHERE id = ?',
          salt,
          saltedHash(hash as string, salt),
          id as number,
        );
      }
    },
  },
  {
    what: 'tables can have types; configurations can lie in the trash, and their versions know their author',
    apply: (catalogue) =>
      catalogue.script(`
ALTER TABLE tables ADD COLUMN types TEXT;
ALTER TABLE configurations ADD COLUMN deleted INTEGER;
ALTER TABLE configurationRows ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE configurationRows ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE configurationVersions ADD COLUMN author TEXT NOT NULL DEFAULT '';`),
  },
];

/** The layout this code reads and writes. Older ones are upgraded explicitly, newer ones refused. */
export const formatVersion = 1 + migrations.length;

/** Applies the steps that lead from this format to today's. Inside a transaction of the caller. */
export function migrate(catalogue: Statements, from: number): void {
  for (const { apply } of migrations.slice(from - 1)) apply(catalogue);
  catalogue.run("UPDATE meta SET value = ? WHERE key = 'formatVersion'", String(formatVersion));
}
