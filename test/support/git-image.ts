import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
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
