import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { JobContext } from './context.ts';
import type { DataDir } from './data-dir.ts';
import { Directory } from './directory.ts';
import { renderDocument } from './document.ts';
import { fileManifest, tableManifest } from './input-manifest.ts';
import { inputFileName } from './input-mapping.ts';
import type { InputFiles, Inputs, InputTable, ProcessedTags, RowPlan } from './types.ts';

/**
 * Fills `in/tables`, then `in/files` from Storage (contract 4.1 to 4.4). Starts from empty folders, so that a crash half-way is repaired by
 * the next call. Remembers which files are to be tagged once the job has succeeded.
 */
export async function fetchInputs(row: RowPlan, dir: DataDir, context: JobContext): Promise<Inputs> {
  if (row.inputTables.length === 0 && row.inputFiles.length === 0) return { tables: [], processedTags: [] };
  await using data = await Directory.open(dir.data, 'data');
  await using input = await data.child('in');
  const tables: Inputs['tables'][number][] = [];
  await using tablesFolder = await emptyFolder(input, 'tables');
  const tablesPath = join(dir.data, 'in', 'tables');
  for (const mapping of row.inputTables)
    tables.push(await fetchTable(mapping, { folder: tablesFolder, path: tablesPath }, context));
  const processedTags: ProcessedTags[] = [];
  await using filesFolder = await emptyFolder(input, 'files');
  const filesPath = join(dir.data, 'in', 'files');
  for (const mapping of row.inputFiles)
    processedTags.push(...(await fetchFiles(mapping, { folder: filesFolder, path: filesPath }, context)));
  return { tables, processedTags };
}

async function emptyFolder(parent: Directory, name: string): Promise<Directory> {
  await parent.remove(name);
  await parent.ensureDirectory(name);
  return await parent.child(name);
}

/** The path is for Storage, whose child process cannot use our descriptors; no container has run yet, so nobody can have bent it. */
interface Target {
  readonly folder: Directory;
  readonly path: string;
}

async function fetchTable(
  { destination, ...mapping }: InputTable,
  { folder, path }: Target,
  context: JobContext,
): Promise<Inputs['tables'][number]> {
  const { storage, emit, signal, settings } = context;
  const table = await storage.table(mapping.table);
  if (table === undefined) {
    throw new UserError(`Cannot import from Storage: there is no table "${mapping.table}"`, {
      hint: 'See `componentd storage ls`.',
    });
  }
  if (table.dataSizeBytes > settings.maxInputTableBytes) {
    throw new UserError(
      `Table "${table.id}" has ${table.dataSizeBytes} bytes; a table of more than ${settings.maxInputTableBytes} bytes is not exported`,
    );
  }
  const about = { type: 'transfer', what: 'input-table', name: destination } as const;
  emit({ ...about, status: 'started' });
  // Two mappings to one destination: the later one wins.
  await folder.remove(destination);
  const { rows, bytes } = await storage.exportTable({ ...mapping, path: join(path, destination) }, signal);
  await folder.handOver(destination);
  await writeManifest(
    folder,
    destination,
    await renderDocument(tableManifest(table, mapping.columns), context.plan.format),
  );
  emit({ ...about, status: 'finished', rows, bytes });
  return { id: table.id, rows, bytes };
}

async function fetchFiles(
  { selector, processedTags }: InputFiles,
  { folder, path }: Target,
  context: JobContext,
): Promise<ProcessedTags[]> {
  const { storage, emit, signal } = context;
  const files = await storage.findFiles(selector);
  const missing = (selector.ids ?? []).filter((id) => !files.some((file) => file.id === id));
  if (missing.length > 0) {
    throw new UserError(`Cannot import from Storage: there is no file with the id ${missing.join(', ')}`);
  }
  for (const file of files) {
    const name = inputFileName(file);
    const about = { type: 'transfer', what: 'input-file', name } as const;
    emit({ ...about, status: 'started' });
    await folder.remove(name);
    await storage.downloadFile(file.id, join(path, name), signal);
    await folder.handOver(name);
    await writeManifest(folder, name, await renderDocument(fileManifest(file), context.plan.format));
    emit({ ...about, status: 'finished', bytes: file.sizeBytes });
  }
  return processedTags.length === 0 ? [] : files.map(({ id }) => ({ fileId: id, tags: processedTags }));
}

function writeManifest(folder: Directory, name: string, text: string): Promise<void> {
  return folder.replaceFile(`${name}.manifest`, text);
}
