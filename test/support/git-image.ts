import { execFile } from 'node:child_process';
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LayerSpec } from '../../scripts/lib/oci-image.ts';
import type { TarEntry } from '../../scripts/lib/tar-stream.ts';
import { build, busyboxLayer } from './components.ts';

/** The image upon which builds clone: a busybox, and the git of this machine with its libraries. */
export const gitImage = 'test/git:1';

const programs = ['/usr/bin/git', '/usr/lib/git-core/git-remote-http'];

/** An archive of it. */
export async function buildGit(folder: string): Promise<string> {
  const layer: Record<string, TarEntry> = {};
  for (const program of programs) {
    layer[program.slice(1)] = { file: await realpath(program), mode: 0o755 };
    for (const library of await librariesOf(program)) {
      layer[library.slice(1)] = { file: await realpath(library), mode: 0o755 };
    }
  }
  return await build(folder, {
    name: gitImage,
    layers: [{ ...(await busyboxLayer()), tmp: { directory: true } }, layer as LayerSpec],
    config: { Env: ['PATH=/bin:/usr/bin'] },
  });
}

async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return stdout.split('\n').flatMap((line) => /(?:=> |^\s*)(\/\S+) \(/.exec(line)?.[1] ?? []);
}

/** Lays out an exported archive below a folder: every document as it is, every layer unpacked. */
export async function unpackLayers(archive: string, folder: string): Promise<void> {
  await mkdir(folder);
  const run = promisify(execFile);
  await run('tar', ['-xf', archive, '-C', folder]);
  const blobs = join(folder, 'blobs/sha256');
  for (const name of await readdir(blobs)) {
    const layer = join(folder, `layer-${name}`);
    await mkdir(layer);
    // What is no tar is a document.
    await run('tar', ['-xf', join(blobs, name), '-C', layer]).catch(() => undefined);
  }
}

/** Paths below a folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder, { recursive: true });
}
