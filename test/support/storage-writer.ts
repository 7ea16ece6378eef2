/**
 * Stages and commits in a loop until it is killed: `storage-writer.ts PROJECT SOURCES`. Every commit `n` appends row `n` to a table
 * without key, replaces row `n % 5` of a keyed one, adds a file tagged `n`, and writes `n` into a state; every other
 * one is followed by a change of a table's key. A finished commit is printed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableLoad } from '../../src/job/storage.ts';
import { setPrimaryKey } from '../../src/storage/local/alter.ts';
import { openLocalStorage } from '../../src/storage/local/open.ts';

await write(process.argv[2] as string, process.argv[3] as string);

async function write(path: string, sources: string): Promise<void> {
  const storage = await openLocalStorage({ path });
  const signal = new AbortController().signal;
  await mkdir(sources, { recursive: true });
  const load: Omit<TableLoad, 'paths' | 'destination' | 'primaryKey'> = {
    source: 'row.csv',
    skipHeader: false,
    csv: { delimiter: ',', enclosure: '"' },
    incremental: true,
    distributionKey: [],
    metadata: [],
    columnMetadata: {},
    provider: 'test',
    origin: { component: 'test', configuration: undefined, configurationRow: undefined },
  };
  const state = await storage.configuration('acme.writer', '1');
  for (let n = (JSON.parse(state?.state ?? '{}') as { n?: number }).n ?? 0; ; n += 1) {
    const next = n + 1;
    const id = `commit-${next}`;
    const csv = join(sources, `${next}.csv`);
    const file = join(sources, `${next}.txt`);
    await writeFile(csv, `n,key\n${next},${next % 5}\n`);
    await writeFile(file, `file ${next}`);
    const tables = [
      await storage.stageTable(id, { ...load, paths: [csv], destination: 'in.c-crash.log', primaryKey: [] }, signal),
      await storage.stageTable(
        id,
        { ...load, paths: [csv], destination: 'in.c-crash.last', primaryKey: ['key'] },
        signal,
      ),
    ];
    const upload = {
      name: 'n.txt',
      path: file,
      tags: [`n${next}`],
      isPublic: false,
      isPermanent: true,
      isEncrypted: false,
    };
    const files = [await storage.stageFile(id, upload, signal)];
    const states = [{ component: 'acme.writer', config: '1', roots: { n: String(next) } }];
    await storage.commit({ id, tables, files, processedTags: [], states });
    // The next load gives the table its own key again.
    if (next % 2 === 0) await setPrimaryKey(storage.parts, 'in.c-crash.last', ['key', 'n']);
    process.stdout.write(`${next}\n`);
  }
}
