import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InfrastructureError } from '../../../src/base/errors.ts';
import { createKeyFile, loadKeyFile } from '../../../src/base/keyfile.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keyfile-'));
  path = join(directory, 'key');
});
afterEach(async () => rm(directory, { recursive: true }));

describe('key file', () => {
  it('is 32 random bytes for its owner only, and nothing else is left beside it', async () => {
    await createKeyFile(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(path)).nlink).toBe(1);
    expect(await loadKeyFile(path)).toHaveLength(32);
    expect(await readdir(directory)).toEqual(['key']);
  });

  it('is never overwritten', async () => {
    await createKeyFile(path);
    const before = await loadKeyFile(path);
    await expect(createKeyFile(path)).rejects.toThrow(`${path} exists already`);
    expect(await loadKeyFile(path)).toEqual(before);
    expect(await readdir(directory)).toEqual(['key']);
  });

  it('is made once when many try', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => createKeyFile(path)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([0o640, 0o604, 0o620, 0o666])('is refused with mode %o, by name and with the way out', async (mode) => {
    await createKeyFile(path);
    await chmod(path, mode);
    await expect(loadKeyFile(path)).rejects.toMatchObject({
      message: expect.stringContaining(path),
      hint: expect.stringContaining(`chmod 600 ${path}`),
    });
  });

  it.runIf(process.geteuid?.() === 0)('is refused when it belongs to somebody else', async () => {
    await createKeyFile(path);
    await chown(path, 12345, 12345);
    await expect(loadKeyFile(path)).rejects.toThrow('belongs to uid 12345');
  });

  it('is refused when it is missing, short, long, or no file', async () => {
    await expect(loadKeyFile(path)).rejects.toThrow(InfrastructureError);
    for (const size of [0, 31, 33]) {
      await writeFile(path, Buffer.alloc(size), { mode: 0o600 });
      await expect(loadKeyFile(path)).rejects.toThrow(`holds ${size} bytes`);
    }
    await mkdir(join(directory, 'folder'), { mode: 0o700 });
    await expect(loadKeyFile(join(directory, 'folder'))).rejects.toThrow('not a regular file');
  });
});
