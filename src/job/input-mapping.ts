import { UserError } from '../base/errors.ts';
import type { InputFile, InputTable as InputTableItem } from '../gen/configuration.schema.js';
import { parseMoment } from './moment.ts';
import { plainNameComplaint } from './plain-name.ts';
import type { FileInfo } from './storage.ts';
import type { InputFiles, InputTable } from './types.ts';

const defaultFileLimit = 100;

/** What to export and download for a row, from its normalised mapping; relative dates are taken from `now` (contract 4.1, 4.4). */
export function planInputs(
  input: { readonly tables: readonly InputTableItem[]; readonly files: readonly InputFile[] },
  now: Date,
): { readonly tables: readonly InputTable[]; readonly files: readonly InputFiles[] } {
  return {
    tables: input.tables.map((item) => tableExport(item, now)),
    files: input.files.map((item) => fileSelection(item, now)),
  };
}

/** Name of a file in in/files. @throws UserError when Storage holds a name that cannot be a file name. */
export function inputFileName({ id, name }: FileInfo): string {
  const fileName = `${id}_${name}`;
  const complaint = plainNameComplaint(fileName);
  if (complaint !== undefined)
    throw new UserError(
      `The Storage file ${id} cannot be put into in/files: its name ${JSON.stringify(name)} ${complaint}`,
    );
  return fileName;
}

function tableExport(item: InputTableItem, now: Date): InputTable {
  const since = item.days ? `-${item.days} days` : item.changed_since;
  const changedSince = parseMoment(since ?? '', now);
  const column = (item.where_column ?? '').trim();
  return {
    table: item.source,
    destination: item.destination || item.source,
    columns: item.columns?.length ? item.columns : (item.column_types ?? []).map(({ source }) => source),
    ...(column !== '' && { where: { column, operator: item.where_operator ?? 'eq', values: item.where_values ?? [] } }),
    ...(changedSince !== undefined && { changedSince }),
    ...(item.limit && { limit: item.limit }),
  };
}

function fileSelection(item: InputFile, now: Date): InputFiles {
  const tags = item.source?.tags ?? [];
  const named = (match: 'include' | 'exclude'): string[] =>
    tags.filter((tag) => (tag.match ?? 'include') === match).map(({ name }) => name);
  const includeTags = [...(item.tags ?? []), ...named('include')];
  const excludeTags = named('exclude');
  const ids = item.file_ids ?? [];
  const changedSince = parseMoment(item.changed_since ?? '', now);
  return {
    selector: {
      ...(ids.length > 0 && { ids }),
      ...(includeTags.length > 0 && { includeTags }),
      ...(excludeTags.length > 0 && { excludeTags }),
      ...(changedSince !== undefined && { changedSince }),
      limit: item.limit || Math.max(defaultFileLimit, ids.length),
    },
    processedTags: item.processed_tags ?? [],
  };
}
