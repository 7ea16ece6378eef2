import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseVersion } from '../../src/containerd/version.ts';

/** The release lines of containerd that everything is tested on; `2` is all of 2.x. */
export const releaseNames = ['1.6', '1.7', '2'] as const;
export type ReleaseName = (typeof releaseNames)[number];

/** A containerd that this system has, of its own or from `scripts/containerds`. */
export interface Release {
  readonly name: ReleaseName;
  /** A search path on which its containerd, shim and ctr come first, then the system's programs. */
  readonly path: string;
  /** Where Debian's Go source packages of this line lie, with its `.proto` files, if they are here. */
  readonly gocode: string;
}

/** True where nothing may be left out because it is missing: in CI. */
export const isEverythingRequired = Boolean(process.env.CI) || Boolean(process.env.COMPONENTD_REQUIRE_ALL);

const systemPath = process.env.PATH ?? '';
const cache = join(import.meta.dirname, '../../.cache/containerd');

/** The line of the containerd that is found first on the system's path. */
export function installedRelease(): ReleaseName | undefined {
  return releaseOn(systemPath);
}

/** `undefined` for a line that is missing here. */
export function findRelease(name: ReleaseName): Release | undefined {
  if (installedRelease() === name) return { name, path: systemPath, gocode: '/usr/share/gocode' };
  const root = join(cache, name, 'usr');
  if (!existsSync(join(root, 'bin/containerd'))) return undefined;
  return { name, path: [join(root, 'bin'), systemPath].join(delimiter), gocode: join(root, 'share/gocode') };
}

/** The line of the first containerd on a search path. */
export function releaseOn(path: string): ReleaseName | undefined {
  try {
    const [, , version = ''] = execFileSync('containerd', ['--version'], {
      env: { ...process.env, PATH: path },
      encoding: 'utf8',
    }).split(' ');
    const { major, minor } = parseVersion(version);
    return releaseNames.find((name) => name === `${major}.${minor}` || name === `${major}`);
  } catch {
    return undefined;
  }
}
