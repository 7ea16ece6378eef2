import { ulid } from '../../base/ids.ts';

const prefix = 'import-';

/** A commit id for an import. */
export function newImportId(): string {
  return `${prefix}${ulid()}`;
}

/** Whether the commit id is an import's: that has no journal and is never resumed. */
export function isImport(commitId: string): boolean {
  return commitId.startsWith(prefix);
}
