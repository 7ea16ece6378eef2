import { UserError } from '../base/errors.ts';
import { at, isJsonArray, isJsonObject, isScalar, type Json } from '../base/json.ts';

/** A configuration row with its documents parsed. */
export interface Row {
  readonly id: string;
  readonly isDisabled: boolean;
  readonly configuration: Json;
  readonly state: Json;
}

export interface RowSelection {
  /** Rows that run, in Storage's order, each with its effective configuration; `id` is absent when there are no rows at all. */
  readonly rows: readonly { readonly id?: string; readonly configuration: Json; readonly state: Json }[];
  /** What to tell the user: which rows were left out or run although they are disabled. */
  readonly notes: readonly string[];
}

export interface RowRequest {
  readonly configuration: Json;
  readonly state: Json;
  readonly rows: readonly Row[];
  /** Ids the job asks for; empty means all. */
  readonly rowIds: readonly string[];
}

/**
 * Expands a configuration into what runs (contract 2.8).
 * @throws UserError when none of the asked rows exists, or processors are set both in the configuration and in a row.
 */
export function selectRows({ configuration, state, rows, rowIds }: RowRequest): RowSelection {
  const wanted = new Set(rowIds);
  if (wanted.size > 0 && !rows.some(({ id }) => wanted.has(id))) {
    const known =
      rows.length === 0 ? 'this configuration has no rows' : `its rows are ${rows.map(({ id }) => id).join(', ')}`;
    throw new UserError(`None of the rows ${[...wanted].join(', ')} was found`, { hint: known, reason: 'rows' });
  }
  refuseProcessorsOnBothLevels(configuration, rows);
  if (rows.length === 0) return { rows: [{ configuration, state }], notes: [] };

  const notes: string[] = [];
  const selected: { id: string; configuration: Json; state: Json }[] = [];
  for (const row of rows) {
    if (wanted.size > 0 && !wanted.has(row.id)) continue;
    if (row.isDisabled && wanted.size === 0) {
      notes.push(`row ${row.id} is disabled and does not run`);
      continue;
    }
    if (row.isDisabled) notes.push(`row ${row.id} is disabled, but runs because it was asked for`);
    selected.push({
      id: row.id,
      configuration: replaceRecursively(configuration, row.configuration),
      state: row.state,
    });
  }
  return { rows: selected, notes };
}

/**
 * PHP's `array_replace_recursive` on two trees: objects are merged key by key and lists index by index, all the way down;
 * anything else of the overlay wins. An empty list or object of the overlay therefore clears nothing.
 */
export function replaceRecursively(base: Json, overlay: Json): Json {
  if (isScalar(base) || isScalar(overlay)) return overlay;
  if (isJsonArray(base) && isJsonArray(overlay)) {
    const length = Math.max(base.length, overlay.length);
    return Array.from({ length }, (_, i) => replaced(base[i], overlay[i]));
  }
  const overlaid = entriesOf(overlay);
  if (overlaid.length === 0) return base;
  const merged = new Map<string, Json>(entriesOf(base));
  if (merged.size === 0) return overlay;
  for (const [key, value] of overlaid) merged.set(key, replaced(merged.get(key), value));
  const staysList =
    (isJsonArray(base) || isJsonArray(overlay)) && [...merged.keys()].every((key, i) => key === String(i));
  return staysList ? [...merged.values()] : merged;
}

function replaced(base: Json | undefined, overlay: Json | undefined): Json {
  if (base === undefined) return overlay ?? null;
  return overlay === undefined ? base : replaceRecursively(base, overlay);
}

/** A list is to PHP an object with keys `0`, `1`. */
function entriesOf(json: Json): readonly (readonly [string, Json])[] {
  if (isJsonObject(json)) return [...json];
  return isJsonArray(json) ? json.map((item, i) => [String(i), item]) : [];
}

function refuseProcessorsOnBothLevels(configuration: Json, rows: readonly Row[]): void {
  if (!hasProcessors(configuration)) return;
  const culprits = rows.filter((row) => hasProcessors(row.configuration)).map(({ id }) => id);
  if (culprits.length === 0) return;
  throw new UserError(`Processors are set both in the configuration and in its rows ${culprits.join(', ')}`, {
    hint: 'keep them on one level',
    reason: 'rows',
  });
}

function hasProcessors(configuration: Json): boolean {
  return ['before', 'after'].some(
    (position) => entriesOf(at(configuration, 'processors', position) ?? null).length > 0,
  );
}
