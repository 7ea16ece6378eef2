/** One line of path, size and modification time for every file that the bundle is made from. */
export function sourceList(root: string): string;
/** True when `dist/` holds the bundle of exactly these sources, or when there are no sources to compare with. */
export function bundleIsCurrent(root: string): boolean;
