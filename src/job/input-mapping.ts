import { type Problem, throwProblems, UserError } from '../base/errors.ts';
import type { InputFile, InputTable as InputTableItem } from './configuration.ts';
import { parseMoment } from './moment.ts';
import type { FileInfo } from './storage.ts';
import type { InputFiles, InputTable } from './types.ts';

const defaultFileLimit = 100;
const longestName = 255 - Buffer.byteLength('.manifest');

/**
 * What to export and download for a row, from its normalised mapping; relative dates are taken from `now` (contract 4.1, 4.4).
 * @throws UserError with every problem under its dotted path.
 */
export function planInputs(
  input: { readonly tables: readonly InputTableItem[]; readonly files: readonly InputFile[] },
  now: Date,
): { readonly tables: readonly InputTable[]; readonly files: readonly InputFiles[] } {
  const problems: Problem[] = [];
  const tables = input.tables.map((item, i) =>
    tableExport(item, now, collector(problems, `container.storage.input.tables.${i}`)),
  );
  const files = input.files.map((item, i) =>
    fileSelection(item, now, collector(problems, `container.storage.input.files.${i}`)),
  );
  throwProblems('The input mapping is wrong', problems);
  return { tables, files };
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

/** Why a text cannot be the name of a data file with a manifest beside it; `undefined` when it can. */
export function plainNameComplaint(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'names a folder';
  if (name.includes('/')) return 'holds a "/"';
  if (name.includes('\0')) return 'holds a NUL character';
  if (!name.isWellFormed()) return 'is not valid Unicode';
  if (Buffer.byteLength(name) > longestName) return `is longer than ${longestName} bytes`;
  return undefined;
}

type Report = (key: string, message: string, hint?: string) => void;

function collector(problems: Problem[], item: string): Report {
  return (key, message, hint) =>
    problems.push({ path: `${item}.${key}`, message, ...(hint !== undefined && { hint }) });
}

function tableExport(item: InputTableItem, now: Date, report: Report): InputTable {
  const destination = item.destination || item.source;
  const complaint = plainNameComplaint(destination);
  if (complaint !== undefined)
    report(
      item.destination ? 'destination' : 'source',
      `${complaint}, so it cannot be a file name`,
      'give a plain file name as "destination"',
    );
  const since = item.days ? `-${item.days} days` : item.changed_since;
  const changedSince = moment(since, now, report);
  const column = (item.where_column ?? '').trim();
  return {
    table: item.source,
    destination,
    columns: item.columns?.length ? item.columns : (item.column_types ?? []).map(({ source }) => source),
    ...(column !== '' && { where: { column, operator: item.where_operator ?? 'eq', values: item.where_values ?? [] } }),
    ...(changedSince !== undefined && { changedSince }),
    ...(item.limit && { limit: item.limit }),
  };
}

function fileSelection(item: InputFile, now: Date, report: Report): InputFiles {
  const tags = item.source?.tags ?? [];
  const named = (match: 'include' | 'exclude'): string[] =>
    tags.filter((tag) => (tag.match ?? 'include') === match).map(({ name }) => name);
  const includeTags = [...(item.tags ?? []), ...named('include')];
  const excludeTags = named('exclude');
  const ids = item.file_ids ?? [];
  const changedSince = moment(item.changed_since, now, report);
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

function moment(text: string | undefined, now: Date, report: Report): string | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const parsed = parseMoment(text, now);
  if (parsed === undefined)
    report(
      'changed_since',
      `"${text}" is not a moment`,
      'write an ISO 8601 date, a Unix time, or for example "-2 days"',
    );
  return parsed;
}
