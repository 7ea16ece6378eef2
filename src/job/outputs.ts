import { join } from 'node:path';
import { type Problem, throwProblems, UserError } from '../base/errors.ts';
import type { JobContext } from './context.ts';
import { type DataDir, takeHarvest } from './data-dir.ts';
import { type Directory, kindOf } from './directory.ts';
import { commitIdOf } from './loads.ts';
import type { OutputEntry } from './output-entries.ts';
import { type OutputIntents, parseOutputMapping, planOutputs } from './output-mapping.ts';
import { parseResultFile } from './result-file.ts';
import type { StagedFile } from './storage.ts';
import type { Outputs, OutputTable, RowPlan } from './types.ts';

const maxManifestBytes = 4 * 1024 * 1024;
/** Names in `out/tables` and `out/files` with all folders of slices. */
const maxEntries = 200_000;

export interface OutputPass {
  readonly row: RowPlan;
  readonly dir: DataDir;
  /** `failed`: only tables that are written always (contract 4.8). */
  readonly pass: 'success' | 'failed';
}

/**
 * Takes what the last stage left in `out` and stages it in Storage; nothing is visible before the commit. Everything is looked up relative
 * to descriptors and no link is followed: only regular files leave. May be called again after a crash.
 * @throws UserError with every problem of the mapping and every irregular file by name.
 */
export async function startOutputs({ row, dir, pass }: OutputPass, context: JobContext): Promise<Outputs> {
  if (!row.output.isTaken) return { tables: [], files: [], variables: {}, warnings: [] };
  await using out = await takeHarvest(dir);
  const { variables, warnings } = parseResultFile(await readIfRegular(out, 'result.json'));
  const intents = await intentsOf(out, { row, dir, pass }, context);
  await refuseOversized(out, intents, context.settings.maxOutputBytes);
  const files = pass === 'success' ? await stageFiles(intents, dir, context) : [];
  const tables = await stageTables(intents, { dir, pass }, context);
  const renamed = tables.flatMap(({ staged }) =>
    (staged.renamed ?? []).map(({ from, to }) => `${staged.load.source}: the column "${from}" is stored as "${to}"`),
  );
  return { tables, files, variables, warnings: [...warnings, ...intents.warnings, ...renamed] };
}

async function intentsOf(out: Directory, { row, pass }: OutputPass, { plan }: JobContext): Promise<OutputIntents> {
  const room = { left: maxEntries };
  return await planOutputs({
    tables: await entriesOf(out, 'tables', { withSlices: true, room }),
    files: await entriesOf(out, 'files', { withSlices: false, room }),
    readManifest: async (path) => {
      const [, folder = '', name = ''] = path.split('/');
      await using directory = await out.child(folder);
      return (await directory.readText(name, maxManifestBytes)) ?? '';
    },
    format: plan.format,
    mapping: parseOutputMapping(row.output.mapping),
    ...(row.output.defaultBucket !== undefined && { defaultBucket: row.output.defaultBucket }),
    dataTypes: row.output.dataTypes ?? 'off',
    pass,
    producer: {
      component: plan.component,
      ...(plan.config !== undefined && { configId: plan.config }),
      ...(row.rowId !== undefined && { rowId: row.rowId }),
      runId: plan.job,
    },
  });
}

interface Listing {
  readonly withSlices: boolean;
  /** Counts down what one harvest may list. */
  readonly room: { left: number };
}

/** What lies in a folder; a folder that the component removed is empty. @throws UserError for more than a harvest may hold */
async function entriesOf(parent: Directory, folder: string, { withSlices, room }: Listing): Promise<OutputEntry[]> {
  if (!(await parent.exists(folder))) return [];
  await using directory = await parent.child(folder);
  const entries: OutputEntry[] = [];
  for (const name of await directory.names()) {
    room.left -= 1;
    if (room.left < 0) throw new UserError(`out holds more than ${maxEntries} tables, files and slices`);
    const stats = await directory.stat(name);
    if (stats.isFile()) entries.push({ name, kind: 'file' });
    else if (!stats.isDirectory()) entries.push({ name, kind: 'other', what: kindOf(stats) });
    else if (!withSlices) entries.push({ name, kind: 'folder' });
    else entries.push({ name, kind: 'folder', slices: await entriesOf(directory, name, { withSlices: false, room }) });
  }
  return entries;
}

/** Its absence or wrong content only warns (contract 3.9); so does a file that is none. */
async function readIfRegular(out: Directory, name: string): Promise<string | undefined> {
  if (!(await out.exists(name)) || !(await out.stat(name)).isFile()) return undefined;
  return await out.readText(name, maxManifestBytes);
}

async function refuseOversized(out: Directory, { tables, files }: OutputIntents, most: number): Promise<void> {
  const names = new Set([
    ...tables.flatMap(
      ({ source, slices }) => slices?.map((slice) => `tables/${source}/${slice}`) ?? [`tables/${source}`],
    ),
    ...files.map(({ source }) => `files/${source}`),
  ]);
  const problems: Problem[] = [];
  for (const name of names) {
    const path = name.split('/');
    const { size } = await statBelow(out, path);
    if (size > most) problems.push({ path: `out/${name}`, message: `has ${size} bytes; at most ${most} may leave` });
  }
  throwProblems('The output mapping failed', problems);
}

/** Also proves once more that the way to the file holds no link. */
async function statBelow(
  directory: Directory,
  [first = '', ...rest]: readonly string[],
): Promise<{ readonly size: number }> {
  if (rest.length === 0) {
    await using file = await directory.openFile(first);
    return await file.stat();
  }
  await using child = await directory.child(first);
  return await statBelow(child, rest);
}

async function stageFiles({ files }: OutputIntents, dir: DataDir, context: JobContext): Promise<StagedFile[]> {
  const { storage, emit, signal } = context;
  const staged: StagedFile[] = [];
  for (const { source, upload } of files) {
    const about = { type: 'transfer', what: 'output-file', name: source } as const;
    emit({ ...about, status: 'started' });
    const path = join(dir.harvest, 'files', source);
    const file = await storage.stageFile(commitIdOf(context, 'success'), { ...upload, path }, signal);
    staged.push(file);
    emit({ ...about, status: 'finished', bytes: file.bytes });
  }
  return staged;
}

async function stageTables(
  { tables }: OutputIntents,
  { dir, pass }: Pick<OutputPass, 'dir' | 'pass'>,
  context: JobContext,
): Promise<OutputTable[]> {
  const { storage, emit, signal } = context;
  const result: OutputTable[] = [];
  const failures: UserError[] = [];
  for (const { source, slices, writeAlways, load } of tables) {
    const about = { type: 'transfer', what: 'output-table', name: source } as const;
    emit({ ...about, status: 'started' });
    const path = join(dir.harvest, 'tables', source);
    const paths = slices?.map((slice) => join(path, slice)) ?? [path];
    try {
      const staged = await storage.stageTable(commitIdOf(context, pass), { ...load, paths }, signal);
      result.push({ staged, writeAlways });
      emit({ ...about, status: 'finished', rows: staged.rows, bytes: staged.bytes });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push(error);
    }
  }
  if (failures.length === 0) return result;
  throw new UserError(`The output mapping failed: ${failures.map(({ message }) => message).join('\n')}`, {
    problems: failures.flatMap(({ problems }) => problems),
  });
}
