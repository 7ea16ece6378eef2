import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandFault, loaderPlace, scriptInterpreters } from '../../../src/runtime/command.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'command-'));
  await chmod(root, 0o755);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const runner = { uid: 1000, gid: 1000, additionalGids: [], mounted: ['/data'] };

async function add(path: string, content: string | Buffer, mode = 0o755): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o755 });
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

function fault(entrypoint: readonly string[], more: { env?: string[]; workingDir?: string } = {}) {
  return commandFault([root], { entrypoint, cmd: [], env: [], workingDir: '/', ...more }, runner);
}

/** A 64-bit ELF head with one program header that names this loader. */
function elf(loader: string): Buffer {
  const head = Buffer.alloc(256);
  head.write('\x7fELF', 'latin1');
  head[4] = 2;
  head[5] = 1;
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(3, 64);
  head.writeBigUInt64LE(128n, 64 + 8);
  head.writeBigUInt64LE(BigInt(loader.length + 1), 64 + 32);
  head.write(`${loader}\0`, 128, 'latin1');
  return head;
}

describe('why a command cannot be executed', () => {
  test('found in PATH, relative to the working directory, through links', async () => {
    await add('opt/real', elf('/lib/ld.so'));
    await add('lib/ld.so', elf(''));
    await mkdir(join(root, 'bin'));
    await symlink('../opt/real', join(root, 'bin/tool'));
    expect(await fault(['tool'], { env: ['PATH=/sbin:/bin'] })).toBeUndefined();
    expect(await fault(['./real'], { workingDir: '/opt' })).toBeUndefined();
    expect(await fault(['tool'], { env: ['PATH=/sbin'] })).toBe('its command "tool" does not exist');
  });

  test('its loader, its interpreter, and what env looks for', async () => {
    await add('dynamic', elf('/lib/ld.so'));
    await add('script', '#! /usr/bin/env python3\n');
    expect(await fault(['/dynamic'])).toContain('needs the dynamic loader "/lib/ld.so", which does not exist');
    expect(await fault(['/script'])).toContain('needs the interpreter "/usr/bin/env", which does not exist');
    await add('usr/bin/env', elf(''));
    expect(await fault(['/script'])).toContain('needs the interpreter "python3", which does not exist');
    await add('usr/local/bin/python3', '#!/dynamic\n', 0o644);
    expect(await fault(['/script'])).toContain('"python3", which is not an executable file');
  });

  test('what lies on a mount is not judged, and an interpreter of itself ends', async () => {
    await add('loop', '#!/loop\n');
    expect(await fault(['/data/run'])).toBeUndefined();
    expect(await fault(['/loop'])).toBeUndefined();
  });
});

describe('the head of a file', () => {
  test('whatever it holds, it is read without a failure', () => {
    const head = fc.uint8Array({ minLength: 0, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const elves = head.map((bytes) => Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), bytes]));
    fc.assert(
      fc.property(fc.oneof(head, elves), (bytes) => {
        const place = loaderPlace(bytes);
        if (place !== undefined) expect(Number.isSafeInteger(place.offset)).toBe(true);
        expect(scriptInterpreters(bytes)?.every((name) => !name.includes('\0')) ?? true).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['#!/bin/sh\n', ['/bin/sh']],
    ['#! \t/bin/sh -eu\nx', ['/bin/sh']],
    ['#!/usr/bin/env -S node x\n', ['/usr/bin/env']],
    ['#!/usr/bin/env A=b node\n', ['/usr/bin/env']],
    ['#!/bin/sh\r\n', ['/bin/sh\r']],
    ['#!\n', undefined],
    ['echo', undefined],
  ])('%j', (text, names) => {
    expect(scriptInterpreters(Buffer.from(text))).toEqual(names);
  });
});
