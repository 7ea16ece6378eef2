import type { Problem } from './errors.ts';

/** What is wrong with a setting at its path; nothing when it may stay. */
export type Check = (value: unknown, path: string) => readonly Problem[];

/** Checks a list of at most `most` texts; `complain` says what is wrong with one of them. Every problem has the path of its entry. */
export function listOf(most: number, complain: (text: string) => string | undefined): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > most) return [{ path, message: `must be a list of at most ${most}` }];
    return value.flatMap((entry: unknown, index) => {
      const message = typeof entry === 'string' ? complain(entry) : 'must be a text';
      return message === undefined ? [] : [{ path: `${path}.${index}`, message }];
    });
  };
}
