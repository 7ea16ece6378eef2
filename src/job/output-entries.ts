import type { Problem } from '../base/errors.ts';

/** One name in out/tables, out/files or a folder of slices, as it lies on disk. */
export interface OutputEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** For `other`, in words: `a symbolic link`. */
  readonly what?: string;
  /** What a folder in out/tables holds. */
  readonly slices?: readonly OutputEntry[];
}

/** A folder sorted out: data, the manifests beside it, and what is wrong with the rest. */
export interface SortedEntries {
  /** In order of their names. */
  readonly data: readonly OutputEntry[];
  /** Names of the data items that have a manifest. */
  readonly described: ReadonlySet<string>;
  /** Manifests without data. */
  readonly orphans: readonly string[];
  readonly problems: readonly Problem[];
}

const suffix = '.manifest';
const versionControl = new Set(['CVS', '_svn', '_darcs']);

/** Sorts a folder's top level (contract 4.6): names that begin with a dot and folders of version control are ignored. */
export function sortEntries(folder: 'out/tables' | 'out/files', entries: readonly OutputEntry[]): SortedEntries {
  const visible = visibleEntries(entries);
  const manifests = visible.filter(({ name, kind }) => name.endsWith(suffix) && kind !== 'folder');
  const data = visible.filter(
    ({ name, kind }) => !name.endsWith(suffix) && (folder === 'out/tables' || kind !== 'folder'),
  );
  const names = new Set(data.map(({ name }) => name));
  return {
    data,
    described: new Set(
      manifests
        .filter(({ kind }) => kind === 'file')
        .map(({ name }) => name.slice(0, -suffix.length))
        .filter((name) => names.has(name)),
    ),
    orphans: manifests.map(({ name }) => name).filter((name) => !names.has(name.slice(0, -suffix.length))),
    problems: visible.flatMap((entry) => irregular(folder, entry)),
  };
}

/** Slices of a folder in order of their names, which is the order of their rows; folders inside are ignored. */
export function slicesOf(
  folder: string,
  entries: readonly OutputEntry[],
): { readonly names: readonly string[]; readonly problems: readonly Problem[] } {
  const visible = visibleEntries(entries).filter(({ kind }) => kind !== 'folder');
  return { names: visible.map(({ name }) => name), problems: visible.flatMap((entry) => irregular(folder, entry)) };
}

function visibleEntries(entries: readonly OutputEntry[]): readonly OutputEntry[] {
  return entries
    .filter(({ name, kind }) => !name.startsWith('.') && !(kind === 'folder' && versionControl.has(name)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function irregular(folder: string, { name, kind, what }: OutputEntry): readonly Problem[] {
  return kind === 'other'
    ? [{ path: `${folder}/${name}`, message: `is ${what ?? 'neither a file nor a folder'}, not a regular file` }]
    : [];
}
