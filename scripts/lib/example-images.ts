import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildImage, type LayerSpec } from './oci-image.ts';
import type { TarEntry } from './tar-stream.ts';

const applets = [
  'awk',
  'cat',
  'cp',
  'date',
  'echo',
  'env',
  'false',
  'head',
  'id',
  'ls',
  'mkdir',
  'mv',
  'rm',
  'sed',
  'sh',
  'sleep',
  'sort',
  'tail',
  'test',
  'true',
  'wc',
];

/**
 * Builds one of the example images from its sources in `components`: a layer of static busybox, one of what the examples share,
 * and one of its own scripts. Writes an OCI archive.
 */
export async function buildExample(components: string, name: string, archive: string): Promise<void> {
  await buildImage(
    {
      name: `demo/${name}:1`,
      layers: [busybox(), await scripts(join(components, 'shared')), await scripts(join(components, name))],
      config: {
        Entrypoint: ['/bin/sh', '/usr/lib/component/main.sh'],
        Env: ['PATH=/bin', 'LC_ALL=C'],
        WorkingDir: '/data',
      },
    },
    archive,
  );
}

function busybox(): LayerSpec {
  const layer: Record<string, TarEntry> = { 'bin/busybox': { file: '/bin/busybox', mode: 0o755 } };
  for (const applet of applets) layer[`bin/${applet}`] = { symlink: 'busybox' };
  return { ...layer, 'etc/passwd': 'root:x:0:0:root:/:/bin/sh\n', 'etc/group': 'root:x:0:\n' };
}

async function scripts(folder: string): Promise<LayerSpec> {
  const names = (await readdir(folder)).filter((name) => /\.(sh|awk)$/.test(name)).sort();
  return Object.fromEntries(
    names.map((name) => [`usr/lib/component/${name}`, { file: join(folder, name), mode: 0o644 }]),
  );
}
