import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Header, type HeaderData, Pax } from 'tar';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { resolveUser } from '../../../src/image/user.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace, removeEverything } from '../../support/image-place.ts';
import { leftovers } from '../../support/nothing-left.ts';
import { type Change, imageWith, serveImage } from '../../support/tricks.ts';

/** Layers that try to get out of the folder they are unpacked into. containerd applies them, on each of its lines; this watches what comes of it. */
let place: ImagePlace;
let registry: FakeRegistry;
/** Beside the folders of snapshots, and reached from any of them by its absolute path or by enough `..`. */
let canaries: string;
let before: string;

beforeAll(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  registry = await startFakeRegistry(place.directory);
  canaries = join(inject('containerdDirectory'), 'root/io.containerd.snapshotter.v1.overlayfs/canaries');
  await mkdir(join(canaries, 'folder'), { recursive: true });
  await writeFile(join(canaries, 'file'), 'untouched');
  await writeFile(join(canaries, 'folder/inner'), 'untouched');
  before = await photograph(canaries);
});
afterAll(async () => {
  await registry.stop();
  await place.leave();
});

type Entry = HeaderData & { readonly path: string; readonly body?: string };

/** The bytes of a tar with exactly these headers: no name is made tidy. */
function tar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ body = '', ...data }) => {
    const content = Buffer.from(body);
    const full = {
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime: new Date(0),
      size: content.length,
      type: 'File' as const,
      ...data,
    };
    const header = new Header(full);
    const block = Buffer.alloc(512);
    const pax = header.encode(block) ? [new Pax(full).encode()] : [];
    return [...pax, block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const up = '../'.repeat(12);
const link = (path: string, linkpath: string): Entry => ({ path, type: 'SymbolicLink', linkpath });
const hard = (path: string, linkpath: string): Entry => ({ path, type: 'Link', linkpath });
const file = (path: string, body = 'evil'): Entry => ({ path, body });

/** Of each trick the layers, from the bottom up, given the canaries' absolute path. */
const tricks: readonly (readonly [string, (target: string) => readonly (readonly Entry[])[]])[] = [
  [
    'names that climb',
    (to) => [[file(`${up}${to}/file`), file(`a/../../../../canaries/file`), file('..'), file('../x')]],
  ],
  ['absolute names', (to) => [[file(`${to}/file`), file(`//${to}/new`)]]],
  ['a link, and a file through it', (to) => [[link('out', to), file('out/file'), file('out/new')]]],
  ['a link that climbs, and a file through it', () => [[link('out', '../../../canaries'), file('out/file')]]],
  ['links that lead to each other', (to) => [[link('a', 'b'), link('b', 'c'), link('c', to), file('a/file')]]],
  [
    'a link in one layer, a file through it in the next',
    (to) => [[link('out', to)], [file('out/file'), file('out/new')]],
  ],
  ['a directory that turns into a link', (to) => [[{ path: 'd/', type: 'Directory' }, link('d', to), file('d/file')]]],
  [
    'a link that is made a directory',
    (to) => [[link('d', to)], [{ path: 'd/', type: 'Directory', mode: 0 }, file('d/new')]],
  ],
  ['a hard link outwards', (to) => [[hard('stolen', `${to}/file`), file('stolen')]]],
  ['a hard link that climbs', () => [[hard('stolen', `${up}canaries/file`), file('stolen')]]],
  ['a hard link through a link', (to) => [[link('out', to), hard('stolen', 'out/file'), file('stolen')]]],
  [
    'whiteouts of what is above',
    (to) => [[file('../.wh.canaries'), file('.wh...'), file('.wh..'), file(`${to}/.wh.file`)]],
  ],
  ['a whiteout through a link', (to) => [[link('out', to)], [file('out/.wh.file'), file('out/.wh.folder')]]],
  ['an opaque mark through a link', (to) => [[link('out', to)], [file('out/.wh..wh..opq')]]],
  ['names of several kilobytes', () => [[file(`${'d/'.repeat(500)}x`), file('n'.repeat(5000))]]],
  [
    'devices and pipes',
    () => [
      [
        { path: 'zero', type: 'CharacterDevice', devmaj: 1, devmin: 5 },
        { path: 'disk', type: 'BlockDevice', devmaj: 7, devmin: 0 },
        { path: 'pipe', type: 'FIFO' },
        hard('other', 'disk'),
      ],
    ],
  ],
  ['a name with a line break and a NUL', () => [[file('a\nb'), file('c\u0000d')]]],
];

/** Everything below a folder, with what would show that it was touched. */
async function photograph(folder: string): Promise<string> {
  const seen: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode, uid, nlink, size, mtimeMs, ino } = await lstat(path);
    const content = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : '';
    const target = entry.isSymbolicLink() ? await readlink(path) : '';
    seen.push([path, mode, uid, nlink, size, mtimeMs, ino, content, target].join(' '));
  }
  return seen.sort().join('\n');
}

test.each(tricks)('%s reach nothing outside', async (_what, make) => {
  const layers = make(canaries).map(tar);
  const { name } = await serve({ tars: layers });
  const error: unknown = await place.ensure(name).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined) {
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toContain(name);
  }
  expect(await photograph(canaries)).toBe(before);
  expect((await readdir(join(canaries, '..'))).sort()).toEqual(['canaries', 'metadata.db', 'snapshots']);
  await removeEverything(place.client);
  const { address, namespace } = place.client;
  expect(await leftovers(place.client, { address, namespace, cgroupPrefix: '/componentd-none' })).toEqual([]);
});

const account = 'app:x:1000:1000::/:/bin/sh\n';

/** What stands for the account files, and what becomes of the user `app`. */
const accounts: readonly (readonly [string, (target: string) => readonly (readonly Entry[])[], boolean])[] = [
  ['a file', () => [[file('etc/passwd', account)]], true],
  ['a link within the image', () => [[file('real', account), link('etc/passwd', `${up}real`)]], true],
  ['a hard link', () => [[file('real', account), hard('etc/passwd', 'real')]], true],
  ['a link to a file of the host', (to) => [[link('etc/passwd', `${to}/file`)]], false],
  ['a folder that is a link out of the image', (to) => [[link('etc', to)]], false],
  ['a link to what the process has open', () => [[link('etc/passwd', '/proc/self/fd/0')]], false],
  ['a link to itself', () => [[link('etc/passwd', 'passwd')]], false],
  ['links without end', () => [[link('etc', 'etc/etc')]], false],
  ['a pipe', () => [[{ path: 'etc/passwd', type: 'FIFO' }]], false],
  ['a device without end', () => [[{ path: 'etc/passwd', type: 'CharacterDevice', devmaj: 1, devmin: 5 }]], false],
  ['a disk', () => [[{ path: 'etc/passwd', type: 'BlockDevice', devmaj: 7, devmin: 0 }]], false],
  [
    'a whiteout device',
    () => [[file('etc/passwd', account)], [{ path: 'etc/passwd', type: 'CharacterDevice' }]],
    false,
  ],
  ['a folder', () => [[{ path: 'etc/passwd/', type: 'Directory' }]], false],
  ['100 MB', () => [[file('etc/passwd', account + 'x'.repeat(100_000_000))]], false],
  ['ids that are none', () => [[file('etc/passwd', 'app:x:-1:0:::\napp:x:4294967296:0:::\napp:x:0x0:0:::\n')]], false],
];

test.each(accounts)('a user is looked for in /etc/passwd, which is %s', async (_what, make, isFound) => {
  const { name } = await serve({
    tars: make(canaries).map(tar),
    config: (config) => ({ ...config, config: { User: 'app' } }),
  });
  const image = await place.ensure(name);
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const user = resolveUser(place.client, image);
  if (isFound) expect(await user).toMatchObject({ uid: 1000, gid: 1000 });
  else await expect(user).rejects.toThrow(UserError);
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
  await removeEverything(place.client);
});

async function serve(change: Change): Promise<{ readonly name: string }> {
  const served = await imageWith(change);
  registry.misbehave = (request, response) => {
    serveImage(served, request, response);
    return true;
  };
  return { name: `${registry.host}/out/x:${registry.seen.length}` };
}
