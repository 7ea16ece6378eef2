import { type Problem, throwProblems } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { normalizeConfiguration } from './configuration.ts';
import { type SortedEntries, sortEntries } from './output-entries.ts';
import { type FileIntent, planFiles } from './output-files.ts';
import { readTableManifest } from './output-manifest.ts';
import type { OutputMapping, OutputRequest } from './output-request.ts';
import { planTable, type TableIntent } from './output-tables.ts';

export interface OutputIntents {
  readonly tables: readonly TableIntent[];
  readonly files: readonly FileIntent[];
  readonly warnings: readonly string[];
}

/** `storage.output` of a normalised configuration from its JSON text. */
export function parseOutputMapping(text: string): OutputMapping {
  return normalizeConfiguration(new Map([['storage', new Map([['output', parseJson(text)]])]])).output;
}

/**
 * From what lies in `out` to what Storage is to get (contract 4.6). The order is that of names; nothing else is promised.
 * @throws UserError with every problem of tables and files at once; then nothing at all is to be loaded.
 */
export async function planOutputs(request: OutputRequest): Promise<OutputIntents> {
  const tables = await planTables(request);
  if (request.pass === 'failed') {
    throwProblems('The output mapping failed', tables.problems);
    return { ...tables, files: [] };
  }
  const files = await planFiles(request);
  throwProblems('The output mapping failed', [...tables.problems, ...files.problems]);
  return { tables: tables.tables, files: files.files, warnings: tables.warnings };
}

async function planTables(
  request: OutputRequest,
): Promise<{ tables: readonly TableIntent[]; problems: readonly Problem[]; warnings: readonly string[] }> {
  const { mapping, pass } = request;
  const sorted = sortEntries('out/tables', request.tables);
  const problems: Problem[] = pass === 'failed' ? [] : [...folderProblems(sorted), ...missingSources(sorted, mapping)];
  const tables: TableIntent[] = [];
  const warnings: string[] = [];
  for (const entry of sorted.data) {
    if (entry.kind === 'other') continue;
    const path = `out/tables/${entry.name}.manifest`;
    const read = sorted.described.has(entry.name)
      ? await readTableManifest(await request.readManifest(path), path, request.format)
      : { content: {} };
    const items = mapping.tables.filter(({ source }) => source === entry.name);
    if ('problems' in read) {
      if (pass === 'success' || items.some(({ write_always: always }) => always)) problems.push(...read.problems);
      continue;
    }
    for (const item of items.length > 0 ? items : [undefined]) {
      const { defaultBucket, dataTypes, producer } = request;
      const planned = planTable({
        entry,
        manifest: read.content,
        ...(item !== undefined && { mapping: item }),
        ...(defaultBucket !== undefined && { defaultBucket }),
        dataTypes,
        emptyIsNull: mapping.treatsValuesAsNull ?? true,
        producer,
      });
      if (pass === 'failed' && !planned.intent.writeAlways) continue;
      problems.push(...planned.problems);
      warnings.push(...planned.warnings);
      tables.push(planned.intent);
    }
  }
  return { tables, problems, warnings: [...new Set(warnings)] };
}

function folderProblems({ orphans, problems }: SortedEntries): readonly Problem[] {
  return [
    ...orphans.map((name) => ({ path: `out/tables/${name}`, message: 'is a manifest without its table' })),
    ...problems,
  ];
}

function missingSources({ data }: SortedEntries, mapping: OutputMapping): readonly Problem[] {
  const present = new Set(data.map(({ name }) => name));
  const wanted = new Set(mapping.tables.map(({ source }) => source ?? '').filter((source) => source !== ''));
  return [...wanted]
    .filter((source) => !present.has(source))
    .map((source) => ({
      path: `out/tables/${source}`,
      message: 'is in the output mapping, but the component did not write it',
    }));
}
