import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followLog } from '../../../src/runtime/logs.ts';
import { checkFreeSpace, freeSpaceGuard } from '../../../src/runtime/space.ts';

const mebibyte = 1024 * 1024;
const limits = { backlogBytes: 64 * mebibyte };

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'logs-'));
  path = join(directory, 'stdout');
  await writeFile(path, '');
});
afterEach(() => rm(directory, { recursive: true }));

/** Follows the file until `write` has finished; answers what was passed on. */
async function follow(write: () => Promise<unknown>, from = 0) {
  const chunks: Buffer[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const onChunk = (bytes: Buffer): undefined => void chunks.push(Buffer.from(bytes));
  const following = followLog({ path, from, ended, onChunk, limits });
  await write();
  end();
  return { end: await following, text: Buffer.concat(chunks).toString('latin1') };
}

describe('following a log', () => {
  it('passes on exactly what is appended, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary-ascii', minLength: 1 }), { maxLength: 20 }),
        async (parts) => {
          await writeFile(path, '');
          const { text, end } = await follow(async () => {
            for (const part of parts) await appendFile(path, part);
          });
          expect(text).toBe(parts.join(''));
          expect(end).toBe(parts.join('').length);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('begins where it is told to', async () => {
    await writeFile(path, '0123456789');
    expect(await follow(async () => appendFile(path, 'ab'), 7)).toEqual({ text: '789ab', end: 12 });
  });

  it('reads what was written right before the end was announced', async () => {
    for (let round = 0; round < 20; round += 1) {
      await writeFile(path, '');
      expect((await follow(() => appendFile(path, 'the very last line'))).text).toBe('the very last line');
    }
  });

  it('tells of new bytes soon, without waiting for the end', async () => {
    const seen = Promise.withResolvers<string>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const following = followLog({
      path,
      from: 0,
      ended,
      onChunk: (bytes) => void seen.resolve(bytes.toString()),
      limits,
    });
    await appendFile(path, 'now');
    expect(await seen.promise).toBe('now');
    end();
    await following;
  });

  it('gives space back below the settled offset only, and keeps the size', async () => {
    await writeFile(path, Buffer.alloc(40 * mebibyte, 'x'));
    const settled = 16 * mebibyte;
    await followLog({
      path,
      from: 0,
      ended: Promise.resolve(),
      onChunk: () => {},
      settledOffset: () => settled,
      limits,
    });
    const { size, blocks } = await stat(path);
    expect(size).toBe(40 * mebibyte);
    expect(blocks * 512).toBeLessThan(33 * mebibyte);
    await using file = await open(path);
    const kept = Buffer.alloc(mebibyte);
    await file.read(kept, 0, kept.length, settled);
    expect(kept.equals(Buffer.alloc(mebibyte, 'x'))).toBe(true);
  });

  it('ends with what the receiver throws', async () => {
    await writeFile(path, 'x');
    const onChunk = (): undefined => {
      throw new Error('sink is gone');
    };
    await expect(followLog({ path, from: 0, ended: Promise.resolve(), onChunk, limits })).rejects.toThrow(
      'sink is gone',
    );
  });

  it('speaks up when more waits than is allowed', async () => {
    await writeFile(path, Buffer.alloc(20 * mebibyte));
    const following = followLog({
      path,
      from: 0,
      ended: new Promise(() => {}),
      onChunk: () => {},
      limits: { backlogBytes: 8 * mebibyte },
    });
    await expect(following).rejects.toMatchObject({ class: 'user', reason: 'quota', data: { resource: 'log' } });
  });

  it.each([
    ['a link', () => symlink('/etc/passwd', path)],
    ['a FIFO', async () => void execFileSync('mkfifo', [path])],
    ['nothing', async () => {}],
  ])('refuses %s in the place of the file', async (_, make) => {
    await rm(path);
    await make();
    await expect(followLog({ path, from: 0, ended: Promise.resolve(), onChunk: () => {}, limits })).rejects.toThrow();
  });
});

describe('the guard of free space', () => {
  it('tells how much is left beyond the reserve', async () => {
    const all = await checkFreeSpace({ path: directory, reserveBytes: 0 });
    const some = await checkFreeSpace({ path: directory, reserveBytes: 64 * mebibyte });
    expect(Math.abs(all - some - 64 * mebibyte)).toBeLessThan(512 * mebibyte);
  });

  it('fails at once when the reserve is not there', async () => {
    const guard = freeSpaceGuard({ path: directory, reserveBytes: 2 ** 60 }, new AbortController().signal);
    await expect(guard).rejects.toMatchObject({ class: 'infrastructure', reason: 'disk_full' });
  });

  it('resolves when nobody needs it any more', async () => {
    const enough = new AbortController();
    const guard = freeSpaceGuard({ path: directory, reserveBytes: 0 }, enough.signal);
    enough.abort();
    await expect(guard).resolves.toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe('');
  });
});
