import { dirname } from 'node:path';
import {
  DatabaseSync,
  type DatabaseSyncOptions,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from 'node:sqlite';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { formatVersion } from './migrations.ts';

/** Waits this long for another process that writes; our transactions take milliseconds. */
const busyTimeoutMs = 30_000;
/** An upgrade waits so long for others to leave. */
const aloneTimeoutMs = 2_000;

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

  /** @throws UserError when the file is of another format, or none of ours */
  static open(path: string): Catalogue {
    return Catalogue.#prepared(path, connect(path), () => undefined, assertCurrent);
  }

  /**
   * Opens a catalogue of today's or an older format for its upgrade: while it is open nobody else can, and foreign keys are not enforced.
   * @throws UserError reason `in_use` when somebody has it open; when the file is of a newer format, or none of ours
   */
  static openAlone(path: string): Catalogue {
    const database = connect(path, { timeout: aloneTimeoutMs, enableForeignKeyConstraints: false });
    try {
      return Catalogue.#prepared(path, database, (alone) => alone.exec('PRAGMA locking_mode = EXCLUSIVE'), formatOf);
    } catch (error) {
      if (!isBusy((error as Error).cause)) throw error;
      throw new UserError(`${path} is in use by another process`, {
        cause: error,
        reason: 'in_use',
        hint: 'Wait for its jobs, or stop them, and try again.',
      });
    }
  }

  static #prepared(
    path: string,
    database: DatabaseSync,
    first: (database: DatabaseSync) => void,
    check: (catalogue: Catalogue, path: string) => unknown,
  ): Catalogue {
    const catalogue = new Catalogue(database);
    try {
      first(database);
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
      check(catalogue, path);
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

  /** Runs the work alone among all writers: all of it is written, or nothing. Inside of another such work it is a part of that. */
  write<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    return this.#transaction('BEGIN IMMEDIATE', work);
  }

  /** Writes the whole catalogue to a path that does not exist yet. Not inside a transaction. */
  copyTo(path: string): void {
    try {
      this.run('VACUUM INTO ?', path);
    } catch (error) {
      throw storageFailure(error);
    }
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

function connect(path: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true, ...options });
  } catch (error) {
    throw storageFailure(error);
  }
}

/** The catalogue's format. @throws UserError when it is newer than ours, or there is none */
export function formatOf(catalogue: Catalogue, path: string): number {
  const isOurs = catalogue.one("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'") !== undefined;
  const found = isOurs ? catalogue.one("SELECT value FROM meta WHERE key = 'formatVersion'")?.value : undefined;
  if (typeof found !== 'string' || !/^[1-9]\d{0,5}$/.test(found)) {
    throw new UserError(`${path} is not the catalogue of a project`);
  }
  if (Number(found) <= formatVersion) return Number(found);
  throw new UserError(`${path} has format ${found}, this version reads format ${formatVersion}`, {
    hint: 'Use the version that wrote it, or a newer one.',
  });
}

function assertCurrent(catalogue: Catalogue, path: string): void {
  const found = formatOf(catalogue, path);
  if (found === formatVersion) return;
  throw new UserError(`${path} has the older format ${found}, this version reads format ${formatVersion}`, {
    reason: 'old_format',
    hint: `Upgrade it with \`componentd project upgrade --project ${dirname(path)}\`; older versions cannot read it afterwards.`,
  });
}

/** https://www.sqlite.org/rescode.html#busy, in the low byte of an extended code. */
function isBusy(error: unknown): boolean {
  return (((error as { readonly errcode?: number } | undefined)?.errcode ?? 0) & 0xff) === 5;
}

/** SQLite's own failures (busy, full, damaged) concern the operator; everything else stays what it is. */
function storageFailure(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_SQLITE_ERROR') return error;
  const { message, errcode } = error as Error & { readonly errcode?: number };
  const hint = damage.has((errcode ?? 0) & 0xff)
    ? 'It is damaged: restore catalogue.sqlite from a backup, or name another --project.'
    : undefined;
  return new InfrastructureError(`the project's catalogue: ${message}`, { cause: error, ...(hint && { hint }) });
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const damage: ReadonlySet<number> = new Set([11, 26]);
