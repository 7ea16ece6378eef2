import { join } from 'node:path';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import { privateDirectory } from '../../base/files.ts';
import type { Commit, CommitResult, Need, StagedTable } from '../../job/storage.ts';
import { createBucket, originMetadata } from './buckets.ts';
import type { Catalogue } from './catalogue.ts';
import { removeReplaced } from './collect.ts';
import { addFile, addTags } from './files.ts';
import type { ProjectFolder } from './folder.ts';
import { applyLoad } from './loads.ts';
import { setMetadata } from './metadata.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { dataPath, moveIn, type StagedPath } from './placement.ts';
import { discardStaged, fileHandle, stagedDirectory, tableHandle } from './staging.ts';
import { updateState } from './states.ts';
import { dataFile, fingerprint, readTableState, type TableState, writeTableState } from './table-state.ts';

/** Another process may change a table while its load is prepared; then it is prepared again, so often at most. */
const attempts = 20;

type CommitParts = Pick<ProjectParts, 'catalogue' | 'folder' | 'engine' | 'guard'>;

interface PreparedTables {
  /** Fingerprints of the tables as they were. */
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, TableState>;
  readonly warnings: readonly string[];
}

interface Prepared {
  readonly stagedPath: StagedPath;
  readonly request: Commit;
  readonly prepared: PreparedTables;
}

/**
 * Makes tables, files, tags and states visible in one transaction, or none of them; a commit that happened before returns its result.
 * What it commits may have been staged under any id.
 * The token's rights are asked inside the transaction: what was revoked a moment ago commits nothing.
 * @throws UserError naming a right that is missing, or with the message of every refused table on a line of its own
 */
export async function commit(parts: CommitParts, request: Commit): Promise<CommitResult> {
  const { catalogue, folder } = parts;
  const directory = await privateDirectory(stagedDirectory(folder, request.id));
  const stagedPath = stagedPaths(folder, directory, request);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const result =
      earlierResult(catalogue, request.id) ??
      (await prepareTables(parts, { directory, stagedPath, loads: request.tables }).then((prepared) =>
        catalogue.write(() => apply(parts, { stagedPath, request, prepared })),
      ));
    if (result === undefined) continue;
    await discardStaged(folder, request.id);
    await removeReplaced(catalogue, folder);
    return result;
  }
  const tables = request.tables.map(({ load }) => load.destination).join(', ');
  throw new InfrastructureError(`others keep changing the tables of this commit: ${tables}`);
}

/** What the request's handles name lies where they say; what is merged for the commit, in its own directory. */
function stagedPaths(folder: ProjectFolder, own: string, { tables, files }: Commit): StagedPath {
  const directories = new Map<string, string>();
  for (const { directory, data } of tables.map(tableHandle)) {
    if (data !== undefined) directories.set(dataFile(data), join(folder.staged, directory));
  }
  for (const { directory, data } of files.map(fileHandle)) directories.set(data, join(folder.staged, directory));
  return (name) => join(directories.get(name) ?? own, name);
}

function earlierResult(catalogue: Catalogue, id: string): CommitResult | undefined {
  const row = catalogue.one('SELECT result FROM commits WHERE id = ?', id);
  return row === undefined ? undefined : (JSON.parse(row.result as string) as CommitResult);
}

async function prepareTables(
  { catalogue, folder, engine }: CommitParts,
  {
    directory,
    stagedPath,
    loads,
  }: { readonly directory: string; readonly stagedPath: StagedPath; readonly loads: readonly StagedTable[] },
): Promise<PreparedTables> {
  const now = Date.now();
  const ids = new Set(loads.map(({ load }) => load.destination));
  const found = catalogue.read(() => new Map(Array.from(ids, (id) => [id, readTableState(catalogue, id)])));
  const before = new Map(Array.from(found, ([id, state]) => [id, fingerprint(state)]));
  const states = new Map(Array.from(found, ([id, state]) => [id, state ?? newTable(id, now)]));
  const pathOf = (data: string): string => dataPath(folder, stagedPath, data);
  const refused: string[] = [];
  const warnings: string[] = [];
  for (const staged of loads) {
    const id = staged.load.destination;
    const outcome = await applyLoad(states.get(id) as TableState, staged, { engine, directory, pathOf, now });
    if (outcome.kind === 'refused') refused.push(outcome.message);
    else {
      states.set(id, outcome.table);
      warnings.push(...outcome.warnings);
    }
  }
  if (refused.length === 0) return { before, after: states, warnings };
  throw new UserError(refused.join('\n'), { problems: refused.map((message) => ({ message })) });
}

/** A table that is not there yet. */
export function newTable(id: string, now: number): TableState {
  const times = { created: now, lastChange: now, lastImport: 0 };
  const nothing = { columns: [], types: undefined, primaryKey: [], distributionKey: [], rows: 0, segments: [] };
  return { id, revision: 0, ...nothing, ...times };
}

function needsOf({ tables, states }: Commit): readonly Need[] {
  return [
    ...tables.map(({ load }) => ({ on: 'bucket', bucket: tableName(load.destination).bucket, to: 'write' }) as const),
    ...states.map(() => ({ on: 'configurations', to: 'run' }) as const),
  ];
}

/** The transaction's body; `undefined` when a table has changed since it was prepared. */
function apply(
  { catalogue, folder, guard }: CommitParts,
  { stagedPath, request, prepared }: Prepared,
): CommitResult | undefined {
  const { before, after, warnings } = prepared;
  const earlier = earlierResult(catalogue, request.id);
  if (earlier !== undefined) return earlier;
  const { owner } = guard.require(...needsOf(request));
  for (const [id, state] of before) if (fingerprint(readTableState(catalogue, id)) !== state) return undefined;
  const now = Date.now();
  const data = Array.from(after.values()).flatMap(({ segments }) => segments.map((segment) => dataFile(segment.data)));
  moveIn(stagedPath, folder.tables, data);
  moveIn(
    stagedPath,
    folder.files,
    request.files.map((staged) => fileHandle(staged).data),
  );
  for (const staged of request.tables) {
    const { bucket } = tableName(staged.load.destination);
    createBucket(catalogue, bucket, { origin: staged.load.origin, now });
  }
  for (const state of after.values()) {
    const { bucket, name } = tableName(state.id);
    writeTableState(catalogue, state, { bucket, name, now });
  }
  const seen = new Set<string>();
  for (const staged of request.tables) {
    const id = staged.load.destination;
    const isNew = before.get(id) === '' && !seen.has(id);
    seen.add(id);
    writeTableMetadata(catalogue, staged, { isNew, now });
  }
  const files = request.files.map((staged) => ({
    id: addFile(catalogue, staged, { owner, now }),
    name: staged.upload.name,
  }));
  const result: CommitResult = {
    tables: request.tables.map(({ load, columns, rows }) => {
      return { id: load.destination, name: tableName(load.destination).name, columns, importedRows: rows };
    }),
    files,
    warnings: [
      ...warnings,
      ...request.processedTags.flatMap((processed) => addTags(catalogue, guard.filesOf(), processed)),
      ...request.states.flatMap((update) => updateState(catalogue, update)),
    ],
  };
  catalogue.run('INSERT INTO commits (id, result, created) VALUES (?, ?, ?)', request.id, JSON.stringify(result), now);
  return result;
}

function writeTableMetadata(
  catalogue: Catalogue,
  { load, columns }: StagedTable,
  { isNew, now }: { readonly isNew: boolean; readonly now: number },
): void {
  const { destination: id, provider } = load;
  const table = { kind: 'table', id } as const;
  const prefix = isNew ? 'KBC.createdBy' : 'KBC.lastUpdatedBy';
  setMetadata(catalogue, table, { provider: 'system', entries: originMetadata(load.origin, prefix), now });
  const description = load.description === undefined ? [] : [{ key: 'KBC.description', value: load.description }];
  setMetadata(catalogue, table, { provider, entries: [...load.metadata, ...description], now });
  for (const [column, entries] of Object.entries(load.columnMetadata)) {
    if (columns.includes(column)) setMetadata(catalogue, { kind: 'column', id, column }, { provider, entries, now });
  }
}
