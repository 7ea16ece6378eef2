import { readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { EngineSettings } from './protocol.ts';
import { literal } from './sql.ts';

/** Above this average, in bytes, rows are handled by one thread: DuckDB holds some thousand rows for every thread. */
const largeRow = 16 << 10;

/** What a piece of work may do, and how. */
export interface DatabaseAccess {
  readonly settings: EngineSettings;
  /** Parquet files that are read. */
  readonly reads: readonly string[];
  /** Files that are written. */
  readonly writes: readonly string[];
  /** Rows come out in the order they go in, also through joins. */
  readonly inOrder: boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs work on a fresh in-memory DuckDB that can reach the given files and its own temporary directory, nothing else, and loads no
 * extensions. The library is loaded with the first call. An abort interrupts the running statement.
 */
export async function withDatabase<T>(
  { settings, reads, writes, inOrder, signal }: DatabaseAccess,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  // Of its own: DuckDB names its spill files without looking at other processes.
  const tempDirectory = await mkdtemp(join(settings.tempDirectory, spillPrefix()));
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: settings.memoryLimit,
    threads: String(settings.threads),
    temp_directory: tempDirectory,
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    const interrupt = (): void => connection.interrupt();
    try {
      await connection.run(`SET allowed_paths = [${[...reads, ...writes].map(literal).join(', ')}]`);
      await connection.run('SET enable_external_access = false');
      // Rows must stream past keys, and not the other way round: joins stay as they are written.
      await connection.run("SET disabled_optimizers = 'join_order,build_side_probe_side'");
      if (inOrder || (await averageRow(connection, reads)) > largeRow) await connection.run('SET threads = 1');
      await connection.run('SET lock_configuration = true');
      signal.addEventListener('abort', interrupt);
      signal.throwIfAborted();
      return await work(connection);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', interrupt);
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
    await rm(tempDirectory, { recursive: true, force: true });
  }
}

/** Removes what a query of this process is spilling: for a process that ends in the middle of one. */
export function removeSpills(tempDirectory: string): void {
  for (const name of readdirSync(tempDirectory)) {
    if (name.startsWith(spillPrefix())) rmSync(join(tempDirectory, name), { recursive: true, force: true });
  }
}

function spillPrefix(): string {
  return `duckdb-${process.pid}-`;
}

async function averageRow(connection: DuckDBConnection, paths: readonly string[]): Promise<number> {
  const files = `[${paths.map(literal).join(', ')}]`;
  const reader = await connection.runAndReadAll(
    `SELECT (SELECT sum(total_uncompressed_size) FROM parquet_metadata(${files})) / (SELECT sum(num_rows) FROM parquet_file_metadata(${files}))`,
  );
  return Number(reader.getRows()[0]?.[0] ?? 0);
}
