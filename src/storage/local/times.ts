import { UserError } from '../../base/errors.ts';

/** Milliseconds as the Storage API writes a moment: `2024-03-01T10:00:00+0000`. */
export function isoTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}+0000`;
}

/** ISO 8601 to milliseconds. @throws UserError for anything else */
export function millisecondsOf(iso: string, what: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(iso);
  const parsed = isDate ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(parsed)) {
    throw new UserError(`${what}: ${JSON.stringify(iso)} is not a date`, {
      hint: 'Write it as 2024-03-01T10:00:00+0000.',
    });
  }
  return parsed;
}
