import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openRecord } from '../../../src/sinks/record.ts';
import { readTail } from '../../../src/sinks/record-tail.ts';

test('the tail of a stage is its own last lines, with their offsets', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-tail-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'events.ndjson');
  const record = await openRecord(path);
  for (let i = 1; i <= 50; i += 1) {
    for (const stage of [1, 10]) {
      const stream = i % 2 === 0 ? 'stderr' : 'stdout';
      const about = { type: 'log', row: 0, stage, component: 'acme.ex', stream, level: 'info' } as const;
      record.emit({ ...about, message: `"type":"log" ${stage} ${i}`, offset: i * 10 });
    }
  }
  await record.close();
  expect(await readTail(path, { row: 0, stage: 1, count: 2 })).toEqual([
    { stream: 'stdout', message: '"type":"log" 1 49', offset: 490 },
    { stream: 'stderr', message: '"type":"log" 1 50', offset: 500 },
  ]);
  expect(await readTail(path, { row: 1, stage: 1, count: 2 })).toEqual([]);
  expect(await readTail(join(folder, 'none'), { row: 0, stage: 1, count: 2 })).toEqual([]);
});
