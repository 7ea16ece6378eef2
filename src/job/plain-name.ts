const longestName = 255 - Buffer.byteLength('.manifest');

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
