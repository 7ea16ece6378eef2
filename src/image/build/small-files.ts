import type { Readable } from 'node:stream';
import { readTar } from '../archive/stream.ts';

const mostFiles = 100;
const mostBytes = 4 * 2 ** 20;

/** The texts of a tar's files by their names; beyond a hundred of them, or 4 MiB, the rest is left out. */
export async function textsOf(source: Readable): Promise<Readonly<Record<string, string>>> {
  const found = new Map<string, string>();
  let bytes = 0;
  await readTar(
    source,
    async (entry) => {
      bytes += entry.size;
      if (entry.type !== 'File' || found.size >= mostFiles || bytes > mostBytes) entry.resume();
      else found.set(entry.path.replace(/^\.\//, ''), (await entry.concat()).toString('utf8'));
    },
    new AbortController().signal,
  );
  return Object.fromEntries(found);
}
