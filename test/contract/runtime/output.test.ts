import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { followLog } from '../../../src/runtime/logs.ts';
import { type Box, openBox } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

const mebibyte = 1024 * 1024;

const block = Array.from({ length: 100_000 }, (_, n) => `${n + 1}\n`).join('');
const blocks = 340;

it('passes 200 MB of output on, every byte in order, in constant memory, and gives its space back', async () => {
  const numbered = `i=0; while [ $i -lt ${blocks} ]; do echo block $i; cat /dev/shm/block; i=$((i+1)); done`;
  const request = await box.script(`seq 1 100000 > /dev/shm/block; ${numbered}; echo end >&2`);
  const container = await box.runtime.create(request);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const received = createHash('sha1');
  let bytes = 0;
  let peak = 0;
  const before = process.memoryUsage().rss;
  const following = followLog({
    path: request.logs.stdout,
    from: 0,
    ended,
    onChunk: (chunk, endOffset) => {
      bytes += chunk.length;
      received.update(chunk);
      peak = Math.max(peak, process.memoryUsage().rss);
      if (endOffset !== bytes) throw new Error(`offset ${endOffset} after ${bytes} bytes`);
    },
    limits: { backlogBytes: 1024 * mebibyte },
  });
  await container.start();
  expect((await container.wait()).code).toBe(0);
  await container.remove();
  end();
  const expected = expectedOutput();
  expect(expected.bytes).toBeGreaterThan(200_000_000);
  expect(await following).toBe(expected.bytes);
  expect(received.digest('hex')).toBe(expected.digest);
  expect(peak - before).toBeLessThan(60 * mebibyte);
  const { size, blocks: kept } = await stat(request.logs.stdout);
  expect(size).toBe(expected.bytes);
  expect(kept * 512).toBeLessThan(expected.bytes - 7 * mebibyte);
});

/** What the container prints, made here, so that not a byte may differ. */
function expectedOutput(): { readonly bytes: number; readonly digest: string } {
  const hash = createHash('sha1');
  let bytes = 0;
  for (let i = 0; i < blocks; i += 1) {
    const text = `block ${i}\n${block}`;
    hash.update(text);
    bytes += text.length;
  }
  return { bytes, digest: hash.digest('hex') };
}

it('has the last line of a container that prints and ends at once', async () => {
  for (let round = 0; round < 10; round += 1) {
    const request = await box.script('seq 1 20000; echo -n last');
    const container = await box.runtime.create(request);
    await container.start();
    await container.wait();
    await container.remove();
    const { size } = await stat(request.logs.stdout);
    expect(size).toBe(108_894 + 'last'.length);
  }
});
