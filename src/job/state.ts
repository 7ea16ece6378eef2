import { ApplicationError, throwProblems } from '../base/errors.ts';
import { at, isJsonArray, isJsonObject, type Json, JsonSyntaxError } from '../base/json.ts';
import { readDocument } from '../base/schema.ts';
import * as stateSchema from '../gen/state.schema.js';
import { orEmptyObject } from './configuration.ts';
import { parseDocument } from './document.ts';
import type { DocumentFormat } from './types.ts';

/** A stored state, taken apart; `#` values as they were stored. */
export interface StoredState {
  /** Becomes `in/state.json`; `{}` when there is none. */
  readonly component: Json;
  /** `{}` when there is none. */
  readonly storage: Json;
}

/** Validates the state of a configuration or row (contract 3.7). @throws UserError with every problem. */
export function parseStoredState(state: Json, source?: string): StoredState {
  const json = orEmptyObject(state);
  const { problems } = readDocument(stateSchema, json, { root: 'state', ...(source !== undefined && { source }) });
  throwProblems('The stored state is invalid', problems);
  return { component: orEmptyObject(at(json, 'component')), storage: orEmptyObject(at(json, 'storage')) };
}

/**
 * The new `component` state from `out/state.json` or `.yml`: a missing or empty file clears what was stored, as `[]`.
 * @throws ApplicationError when the file cannot be read.
 */
export async function parseNewState(text: string | undefined, format: DocumentFormat): Promise<Json> {
  if (text === undefined || (format === 'yaml' && text.trim() === '')) return [];
  let json: Json;
  try {
    json = await parseDocument(text, format);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ApplicationError(`The component's state file cannot be read: ${error.message}`, { cause: error });
  }
  if (json === null || (isJsonObject(json) && json.size === 0)) return [];
  if (!isJsonObject(json) && !isJsonArray(json))
    throw new ApplicationError("The component's state file holds neither an object nor a list");
  return json;
}

/** The roots of a stored state that a successful run replaces, as JSON text; other roots stay. `component` is encrypted already. */
export function storedState(component: string, storage: string): Readonly<Record<'component' | 'storage', string>> {
  return { component, storage };
}
