import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildImage, type ImageSpec, type LayerSpec } from '../../scripts/lib/oci-image.ts';
import type { TarEntry } from '../../scripts/lib/tar-stream.ts';

/** The image in which `shell` scripts run. */
export const shellImage = 'test/shell:1';

/**
 * Runs what `config.json` or `config.yml` holds as `parameters.script` in base64: one image is every component that a test can think of.
 */
const entrypoint = `
for config in /data/config.json /data/config.yml; do [ -f "$config" ] && break; done
script=$(sed -n 's/.*script"\\{0,1\\}: *"\\{0,1\\}\\([A-Za-z0-9+\\/=]*\\).*/\\1/p' "$config" | head -n 1 | base64 -d)
exec /bin/sh -euc "$script"
`;

/** `parameters` that make a component of the shell image run this script in `/data`; its first failing command ends it. */
export function shell(script: string, more: object = {}): object {
  return { script: Buffer.from(script).toString('base64'), ...more };
}

/** Part of a script: waits until the test says `site.letGo(job)`. */
export const untilLetGo = 'while [ ! -e out/go ]; do usleep 20000; done; rm -f out/go';

/** A busybox with all its applets in `/bin`. */
export async function busyboxLayer(): Promise<LayerSpec> {
  const { stdout } = await promisify(execFile)('/bin/busybox', ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  const layer: Record<string, TarEntry> = { 'bin/busybox': { file: '/bin/busybox', mode: 0o755 } };
  for (const applet of applets) layer[`bin/${applet}`] = { symlink: 'busybox' };
  return { ...layer, 'etc/passwd': 'root:x:0:0:root:/:/bin/sh\n' };
}

/** An archive of a busybox with all its applets; with `more` beside them it shares nothing with the others. */
export async function buildShell(folder: string, more: LayerSpec = {}): Promise<string> {
  return await build(folder, {
    name: shellImage,
    layers: [{ ...(await busyboxLayer()), 'entrypoint.sh': entrypoint, ...more }],
    config: { Entrypoint: ['/bin/sh', '/entrypoint.sh'], Env: ['PATH=/bin'], WorkingDir: '/data' },
  });
}

/** Only a static busybox in the root: no shell by name, no `/etc`, no `/tmp`, no `/data`. */
export function scratchLayer(): LayerSpec {
  return { busybox: { file: '/bin/busybox', mode: 0o755 } };
}

/** Writes the archive of an image below the folder and answers its path. */
export async function build(folder: string, spec: ImageSpec): Promise<string> {
  const archive = join(folder, `${spec.name?.replace(/[^a-z0-9]/g, '-')}.tar`);
  await buildImage({ compression: 'none', ...spec }, archive);
  return archive;
}
