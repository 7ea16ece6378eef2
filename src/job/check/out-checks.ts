import { join } from 'node:path';
import { counted } from '../../base/counted.ts';
import { classify, formatProblem, UserError } from '../../base/errors.ts';
import { isJsonArray, isJsonObject } from '../../base/json.ts';
import type { DataDir } from '../data-dir.ts';
import { Directory } from '../directory.ts';
import { parseDocument } from '../document.ts';
import { type OutputEntry, type SortedEntries, slicesOf, sortEntries } from '../output-entries.ts';
import { type OutTableManifest, readFileManifest, readTableManifest } from '../output-manifest.ts';
import { parseResultFile } from '../result-file.ts';
import { mergeTableProperties } from '../table-properties.ts';
import { parseUsage } from '../usage.ts';
import type { TrialConfig } from './configuration.ts';
import { type Listed, listTree } from './listing.ts';
import { some } from './run-checks.ts';
import type { CheckRequest, CheckResult, CheckTools } from './types.ts';

const maxDocumentBytes = 4 * 1024 * 1024;

/** What a trial left in `out`, sorted. */
export interface Left {
  readonly out: Directory;
  readonly dir: DataDir;
  readonly all: readonly Listed[];
  readonly tables: SortedEntries;
  readonly files: SortedEntries;
  /** Of the tables in `tables.data` that have one that can be read. */
  readonly manifests: ReadonlyMap<string, OutTableManifest>;
  readonly manifestProblems: readonly string[];
  readonly manifestCount: number;
  /** What the output mapping wants and is not there. */
  readonly missing: readonly string[];
}

/** Opens what a container that is gone left in `out`. @throws UserError when `out` cannot be read as a folder */
export async function readLeft(dir: DataDir, wanted: TrialConfig['wanted']): Promise<Left> {
  const out = await Directory.open(join(dir.data, 'out'), 'out');
  try {
    return await sortOut(out, dir, wanted);
  } catch (error) {
    await out[Symbol.asyncDispose]();
    throw error;
  }
}

/** Nobody asks for what lies deeper than slices. */
function mayLeave(path: string): boolean {
  const [folder, ...names] = path.split('/');
  return names.length === 0 || (folder === 'tables' && names.length <= 2) || (folder === 'files' && names.length === 1);
}

async function sortOut(out: Directory, dir: DataDir, wanted: TrialConfig['wanted']): Promise<Left> {
  const all = await listTree(out, mayLeave);
  const tables = sortEntries('out/tables', entriesIn(all, 'tables'));
  const files = sortEntries('out/files', entriesIn(all, 'files'));
  const manifests = new Map<string, OutTableManifest>();
  const problems: string[] = [
    ...tables.orphans.map((name) => `out/tables/${name}: is a manifest without its table`),
    ...files.orphans.map((name) => `out/files/${name}: is a manifest without its file`),
  ];
  for (const [folder, { described }] of [
    ['tables', tables],
    ['files', files],
  ] as const) {
    for (const name of described) {
      const path = `out/${folder}/${name}.manifest`;
      try {
        const text = await textOf(out, folder, `${name}.manifest`);
        const read = await (folder === 'tables' ? readTableManifest : readFileManifest)(text, path, 'json');
        if ('problems' in read) problems.push(...read.problems.map(formatProblem));
        else if (folder === 'tables') manifests.set(name, read.content as OutTableManifest);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        problems.push(error.message);
      }
    }
  }
  const manifestCount = tables.described.size + files.described.size;
  const missing = missingSources('tables', wanted.tables, tables).concat(missingSources('files', wanted.files, files));
  return { out, dir, all, tables, files, manifests, manifestProblems: problems, manifestCount, missing };
}

function missingSources(folder: string, wanted: readonly string[], { data }: SortedEntries): string[] {
  const present = new Set(data.map(({ name }) => name));
  return wanted
    .filter((name) => !present.has(name))
    .map((name) => `out/${folder}/${name}: is in the output mapping, but the component did not write it`);
}

async function textOf(out: Directory, folder: string, name: string): Promise<string> {
  await using directory = await out.child(folder);
  return (await directory.readText(name, maxDocumentBytes)) ?? '';
}

function entriesIn(all: readonly Listed[], folder: string): OutputEntry[] {
  const byParent = Map.groupBy(all, ({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  const entry = ({ path, kind, what }: Listed): OutputEntry => ({ name: path.split('/').at(-1) ?? '', kind, what });
  return (byParent.get(folder) ?? []).map((listed) => ({
    ...entry(listed),
    ...(listed.kind === 'folder' && { slices: (byParent.get(listed.path) ?? []).map(entry) }),
  }));
}

/** Whether everything may leave. */
export function checkRegular({ all, tables, files, missing }: Left): CheckResult {
  const replaced = all
    .filter(({ path, kind }) => (path === 'tables' || path === 'files') && kind !== 'folder')
    .map(({ path, what }) => ({ path: `out/${path}`, message: `is ${what}, not a folder` }));
  const refused = [
    ...replaced,
    ...tables.problems,
    ...files.problems,
    ...tables.data.flatMap(({ name, slices }) => slicesOf(`out/tables/${name}`, slices ?? []).problems),
  ];
  if (refused.length > 0) {
    const hint = 'Write regular files: copy what a link leads to.';
    return { check: 'regular', status: 'failed', saw: some(refused.map(formatProblem)), hint };
  }
  if (missing.length > 0) {
    const hint = 'Write what the configuration maps, or leave it out of storage.output.';
    return { check: 'regular', status: 'failed', saw: some(missing), hint };
  }
  const odd = all.filter(({ kind }) => kind === 'other').map(({ path, what }) => `out/${path} is ${what}`);
  const folders = all
    .filter(({ path, kind }) => kind === 'folder' && /^files\/[^./][^/]*$/.test(path))
    .map(({ path }) => `out/${path} is a folder, and folders in out/files do not leave`);
  const unreadable = all
    .filter(({ isReadable, kind }) => !isReadable && kind !== 'other')
    .map(({ path }) => `out/${path} cannot be read by its owner`);
  const problems = [...odd, ...folders, ...unreadable];
  if (problems.length > 0) {
    const hint = 'Leave regular files, readable by their owner, in out/tables and out/files.';
    return { check: 'regular', status: 'warning', saw: some(problems), hint };
  }
  const count = all.filter(({ kind }) => kind === 'file').length;
  return { check: 'regular', status: 'ok', saw: count === 0 ? 'nothing left in out' : counted(count, 'regular file') };
}

export function checkManifests({ manifestProblems, manifestCount }: Left): CheckResult {
  if (manifestProblems.length > 0) {
    const hint = 'Write them as JSON with the keys of the schema of output manifests only.';
    return { check: 'manifests', status: 'failed', saw: some(manifestProblems), hint };
  }
  if (manifestCount === 0) return { check: 'manifests', status: 'skipped', saw: 'it wrote none' };
  return { check: 'manifests', status: 'ok', saw: `${manifestCount} read` };
}

/** Reads every table as Storage would. */
export async function checkTables(left: Left, tools: CheckTools, signal: AbortSignal): Promise<CheckResult> {
  const { tables, manifests, dir } = left;
  const problems: string[] = [];
  const read: string[] = [];
  const wanted = tables.data.filter(({ name, kind }) => kind !== 'other' && isDescribedWell(name, left));
  for (const entry of wanted) {
    const source = `out/tables/${entry.name}`;
    const properties = mergeTableProperties(undefined, manifests.get(entry.name) ?? {});
    const slices = entry.kind === 'folder' ? slicesOf(source, entry.slices ?? []) : undefined;
    if (slices?.problems.length) continue;
    if (slices !== undefined && properties.columns.length === 0) {
      problems.push(`${source}: a folder of slices needs "columns" in its manifest`);
      continue;
    }
    const path = join(dir.data, 'out', 'tables', entry.name);
    const { columns, delimiter, enclosure, hasHeader } = properties;
    const table = {
      source,
      paths: slices === undefined ? [path] : slices.names.map((name) => join(path, name)),
      columns: columns.length > 0 ? columns : undefined,
      skipHeader: columns.length > 0 && hasHeader,
      csv: { delimiter, enclosure },
    };
    try {
      const { columns: found, rows } = await tools.readTable(table, join(dir.root, 'scratch.parquet'), signal);
      read.push(`${entry.name}: ${counted(found.length, 'column')}, ${counted(rows, 'row')}`);
      for (const key of properties.primaryKey) {
        if (!found.includes(key)) problems.push(`${source}: the primary key "${key}" is none of its columns`);
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) {
    const hint = 'Write CSV as RFC 4180 has it, with the columns, delimiter and enclosure that the manifest names.';
    return { check: 'tables', status: 'failed', saw: some(problems), hint };
  }
  if (read.length === 0) {
    return {
      check: 'tables',
      status: 'skipped',
      saw: wanted.length < tables.data.length ? 'none can be read' : 'it wrote none',
    };
  }
  return { check: 'tables', status: 'ok', saw: some(read) };
}

/** What is wrong with a manifest has been told; nobody knows how to read its table. */
function isDescribedWell(name: string, { tables, manifests }: Left): boolean {
  return !tables.described.has(name) || manifests.has(name);
}

/** `out/state.json`. */
export async function checkState({ out }: Left, { isProcessor }: CheckRequest): Promise<CheckResult> {
  const hint = 'Write one JSON object, {} when there is nothing to remember.';
  const wrong = (saw: string): CheckResult => ({ check: 'state', status: 'failed', saw, hint });
  try {
    const text = await out.readText('state.json', maxDocumentBytes);
    if (text === undefined) return { check: 'state', status: 'skipped', saw: 'it wrote none' };
    if (isProcessor) {
      const saw = 'it wrote out/state.json, and the state of a processor is thrown away';
      return { check: 'state', status: 'warning', saw, hint: 'Do not write a state in a processor.' };
    }
    const json = await parseDocument(text, 'json');
    if (isJsonObject(json)) return { check: 'state', status: 'ok', saw: `an object of ${counted(json.size, 'key')}` };
    const kind = isJsonArray(json) ? 'a list' : json === null ? 'null' : 'a single value';
    if (isJsonArray(json) && json.length === 0) return { check: 'state', status: 'ok', saw: 'empty' };
    return wrong(`out/state.json is ${kind}, not an object`);
  } catch (error) {
    return wrong(`out/state.json: ${messageOfAuthors(error)}`);
  }
}

/** `out/usage.json` and `out/result.json`. */
export async function checkDocuments({ out }: Left): Promise<CheckResult> {
  const seen: string[] = [];
  try {
    const usage = await out.readText('usage.json', maxDocumentBytes);
    if (usage !== undefined) seen.push(counted((await parseUsage(usage, 'json')).length, 'metric'));
  } catch (error) {
    const hint = 'Write a list of {"metric": …, "value": …}, or no file.';
    return { check: 'documents', status: 'failed', saw: `out/usage.json: ${messageOfAuthors(error)}`, hint };
  }
  try {
    const result = await out.readText('result.json', maxDocumentBytes);
    const { variables, warnings } = parseResultFile(result);
    if (warnings.length > 0) throw new UserError(warnings.join('; '));
    if (result !== undefined) seen.push(counted(Object.keys(variables).length, 'output variable'));
  } catch (error) {
    const hint = 'Write {"variables": {"NAME": "value"}}, or no file.';
    return { check: 'documents', status: 'warning', saw: messageOfAuthors(error), hint };
  }
  if (seen.length === 0) return { check: 'documents', status: 'skipped', saw: 'it wrote none' };
  return { check: 'documents', status: 'ok', saw: seen.join(', ') };
}

/** Of a mistake of the component's; anything else is thrown on. */
function messageOfAuthors(thrown: unknown): string {
  if (thrown instanceof SyntaxError || (thrown instanceof Error && thrown.name === 'JsonSyntaxError'))
    return thrown.message;
  const error = classify(thrown);
  if (error.class !== 'user' && error.class !== 'application') throw thrown;
  return error.message;
}
