import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { formatVersion } from './schema.ts';

/** Waits this long for another process that writes; our transactions take milliseconds. */
const busyTimeoutMs = 30_000;

/** One row of a query's answer: the caller knows its shape, because it wrote the query. */
export type Row = Record<string, SQLOutputValue>;

/**
 * The project's SQLite database. Readers see a consistent state, writers take turns, also across processes; a transaction that
 * returned is on disk.
 */
export class Catalogue {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws UserError when the file is of a newer format, or none of ours */
  static open(path: string): Catalogue {
    const catalogue = new Catalogue(connect(path));
    try {
      catalogue.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
      assertFormat(catalogue, path);
      return catalogue;
    } catch (error) {
      catalogue.close();
      throw error instanceof UserError ? error : storageFailure(error);
    }
  }

  /** A new database at a path that does not exist yet, filled by `fill` in one transaction. */
  static create(path: string, fill: (catalogue: Catalogue) => void): void {
    const catalogue = new Catalogue(connect(path));
    try {
      catalogue.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      catalogue.write(() => fill(catalogue));
    } finally {
      catalogue.close();
    }
  }

  /** Several statements without values. */
  script(sql: string): void {
    this.#database.exec(sql);
  }

  run(sql: string, ...values: readonly SQLInputValue[]): { readonly changes: number; readonly id: number } {
    const { changes, lastInsertRowid } = this.#prepare(sql).run(...values);
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }

  one(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values) as readonly Row[];
  }

  /** Runs the work as one read of one state. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work);
  }

  /** Runs the work alone among all writers: all of it is written, or nothing. */
  write<T>(work: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', work);
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #transaction<T>(begin: string, work: () => T): T {
    try {
      this.#database.exec(begin);
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    } catch (error) {
      throw storageFailure(error);
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function connect(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  } catch (error) {
    throw storageFailure(error);
  }
}

function assertFormat(catalogue: Catalogue, path: string): void {
  const isOurs = catalogue.one("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'") !== undefined;
  const found = isOurs ? catalogue.one("SELECT value FROM meta WHERE key = 'formatVersion'")?.value : undefined;
  if (found === String(formatVersion)) return;
  if (found === undefined) throw new UserError(`${path} is not the catalogue of a project`);
  throw new UserError(`${path} has format ${found}, this version reads format ${formatVersion}`, {
    hint:
      Number(found) > formatVersion ? 'Use the version that wrote it, or a newer one.' : 'Migrate the project first.',
  });
}

/** SQLite's own failures (busy, full, damaged) concern the operator; everything else stays what it is. */
function storageFailure(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SQLITE_ERROR') return error;
  const { message } = error as Error;
  return new InfrastructureError(`the project's catalogue: ${message}`, { cause: error });
}
