import type { Problem } from '../base/errors.ts';
import type { InputFile, InputTable, OutputTable } from '../gen/configuration.schema.js';
import { destinationComplaint } from './destination.ts';
import { parseMoment } from './moment.ts';
import { plainNameComplaint } from './plain-name.ts';

/** Rules between the keys of one input table that a schema cannot say (contract 2.3.2). Paths are relative to the item. */
export function inputTableProblems(table: InputTable): readonly Problem[] {
  const problems: Problem[] = [...fileNameProblems(table), ...momentProblems(table)];
  const hasColumn = (table.where_column ?? '').trim() !== '';
  const hasValues = (table.where_values ?? []).length > 0;
  if (hasColumn && !hasValues)
    problems.push({
      path: 'where_values',
      message: 'is required when "where_column" is given',
      hint: 'name the wanted values, or leave both out',
    });
  if (hasValues && !hasColumn)
    problems.push({
      path: 'where_column',
      message: 'is required when "where_values" is given',
      hint: 'name the column, or leave both out',
    });
  if ((table.days ?? 0) !== 0 && (table.changed_since ?? '') !== '') {
    problems.push({
      path: 'days',
      message: 'cannot be used together with "changed_since"',
      hint: 'keep "changed_since"',
    });
  }
  const columns = table.columns ?? [];
  const typed = (table.column_types ?? []).map(({ source }) => source);
  if (columns.length > 0 && typed.length > 0 && !sameMembers(columns, typed)) {
    problems.push({
      path: 'column_types',
      message: `describes the columns ${typed.join(', ')}, but "columns" names ${columns.join(', ')}`,
      hint: 'name the same columns in both, or leave one out',
    });
  }
  return problems;
}

function fileNameProblems({ source, destination }: InputTable): readonly Problem[] {
  const complaint = plainNameComplaint(destination || source);
  if (complaint === undefined) return [];
  return [
    {
      path: destination ? 'destination' : 'source',
      message: `${complaint}, so it cannot be a file name`,
      hint: 'give a plain file name as "destination"',
    },
  ];
}

/** Of words that are no moments, `adaptive` is told of by name where it is refused. */
function momentProblems({ changed_since: text = '' }: { readonly changed_since?: string }): readonly Problem[] {
  if (text.trim() === '' || text === 'adaptive' || parseMoment(text, new Date()) !== undefined) return [];
  const hint = 'write an ISO 8601 date, a Unix time, or for example "-2 days"';
  return [{ path: 'changed_since', message: `"${text}" is not a moment`, hint }];
}

/** Rules between the selectors of one input file item (contract 2.3.3). */
export function inputFileProblems(file: InputFile): readonly Problem[] {
  const given = {
    tags: (file.tags ?? []).length > 0,
    'source.tags': (file.source?.tags ?? []).length > 0,
    query: (file.query ?? '') !== '',
    file_ids: (file.file_ids ?? []).length > 0,
    changed_since: (file.changed_since ?? '') !== '',
    limit: typeof file.limit === 'number',
  };
  const problems: Problem[] = [...momentProblems(file)];
  if (!given.tags && !given['source.tags'] && !given.query && !given.file_ids) {
    problems.push({
      message: 'one of "tags", "source.tags", "query" and "file_ids" is required',
      hint: 'say which files are meant, for example by "tags"',
    });
  }
  if (given.tags && given['source.tags'])
    problems.push({ path: 'tags', message: 'cannot be used together with "source.tags"', hint: 'keep one of them' });
  if (given.query && given.changed_since)
    problems.push({ path: 'changed_since', message: 'cannot be used together with "query"', hint: 'keep one of them' });
  if (given.file_ids) {
    const others = Object.entries(given).filter(([key, isGiven]) => isGiven && key !== 'file_ids');
    for (const [key] of others)
      problems.push({ path: key, message: 'cannot be used together with "file_ids"', hint: 'keep "file_ids" alone' });
  }
  return problems;
}

/** A `source` is needed, except where a workspace hands its tables over by itself (contract 2.3.5). */
export function outputTableProblems(table: OutputTable): readonly Problem[] {
  const problems: Problem[] = [];
  if ((table.source ?? '') === '' && table.unload_strategy !== 'direct-grant')
    problems.push({ path: 'source', message: 'is required', hint: 'name the file in out/tables' });
  const refused = table.destination ? destinationComplaint(table.destination) : undefined;
  if (refused !== undefined) problems.push({ path: 'destination', message: refused.complaint, hint: refused.hint });
  for (const key of ['delimiter', 'enclosure'] as const) {
    const value = table[key];
    if (value !== undefined && value.length > 1)
      problems.push({ path: key, message: 'must be one character', hint: `it is ${value.length} characters long` });
  }
  return problems;
}

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && new Set([...left, ...right]).size === new Set(left).size;
}
