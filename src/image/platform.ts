import { endianness } from 'node:os';
import { type IndexEntry, indexMediaTypes, manifestMediaTypes, type Platform } from './manifest.ts';

/** Node's names where they differ from those of images. */
const architectures: Readonly<Partial<Record<string, string>>> = {
  x64: 'amd64',
  ia32: '386',
  mipsel: 'mipsle',
  ppc64: endianness() === 'LE' ? 'ppc64le' : 'ppc64',
};

/** The platform images must be for on this machine. */
export function hostPlatform(): Platform {
  return normalisePlatform({ os: 'linux', architecture: architectures[process.arch] ?? process.arch, variant: '' });
}

/** One spelling for each platform, as containerd's platform package has it. */
export function normalisePlatform({ os, architecture, variant }: Platform): Platform {
  const plain = architecture.toLowerCase();
  const version = variant.toLowerCase();
  const system = os.toLowerCase();
  switch (plain) {
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { os: system, architecture: 'amd64', variant: version === 'v1' ? '' : version };
    case 'i386':
      return { os: system, architecture: '386', variant: '' };
    case 'aarch64':
    case 'arm64':
      return { os: system, architecture: 'arm64', variant: normaliseArm64(version) };
    case 'armhf':
      return { os: system, architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { os: system, architecture: 'arm', variant: 'v6' };
    case 'arm':
      return {
        os: system,
        architecture: 'arm',
        variant: version === '' ? 'v7' : version.startsWith('v') ? version : `v${version}`,
      };
    default:
      return { os: system, architecture: plain, variant: version };
  }
}

function normaliseArm64(version: string): string {
  const [, major, minor = '0'] = /^v?(8|9)(?:\.(\d+))?$/.exec(version) ?? [];
  if (major === undefined) return version;
  if (minor !== '0') return `v${major}.${minor}`;
  return major === '8' ? '' : `v${major}`;
}

/** How well an image for `offered` runs on `host`: 0 is exact, larger is worse, `undefined` means that it does not run. */
export function platformRank(offered: Platform, host: Platform): number | undefined {
  const image = normalisePlatform(offered);
  if (image.os !== host.os) return undefined;
  const rank = runnable(host).indexOf(`${image.architecture}/${image.variant}`);
  return rank < 0 ? undefined : rank;
}

/**
 * The entry of an index to run on `host`: the best rank, and the first of equals; one that names no platform only when nothing else fits.
 * Attestations, artifacts and unknown platforms are passed over.
 */
export function selectManifest(manifests: readonly IndexEntry[], host: Platform): IndexEntry | undefined {
  let best: { readonly entry: IndexEntry; readonly rank: number } | undefined;
  for (const entry of manifests) {
    if (entry.annotations['vnd.docker.reference.type'] !== undefined || !isImage(entry)) continue;
    const rank = entry.platform === undefined ? Number.MAX_SAFE_INTEGER : platformRank(entry.platform, host);
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { entry, rank };
  }
  return best?.entry;
}

function isImage({ mediaType, artifactType }: IndexEntry): boolean {
  return artifactType === undefined && (manifestMediaTypes.has(mediaType) || indexMediaTypes.has(mediaType));
}

/** `os/architecture/variant` as text, for messages. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== '').join('/');
}

function runnable(host: Platform): readonly string[] {
  const { architecture, variant } = host;
  switch (architecture) {
    case 'amd64':
      return [
        ...descending(variant === '' ? 1 : Number(variant.slice(1)), 2).map((level) => `amd64/v${level}`),
        'amd64/',
        '386/',
      ];
    case 'arm64':
      return [
        ...arm64Levels(variant).map((level) => `arm64/${level}`),
        ...descending(8, 5).map((level) => `arm/v${level}`),
      ];
    case 'arm':
      return descending(Number(variant.slice(1)), 5).map((level) => `arm/v${level}`);
    default:
      return [`${architecture}/${variant}`];
  }
}

/** v9.x includes v8.(x+5), and each all that is below it. */
function arm64Levels(variant: string): readonly string[] {
  const [, major = '8', minor = '0'] = /^v(8|9)(?:\.(\d+))?$/.exec(variant) ?? [];
  const newest = Math.min(Number(minor), 99);
  const eighth = [...descending(major === '9' ? newest + 5 : newest, 1).map((level) => `v8.${level}`), ''];
  return major === '9' ? [...descending(newest, 1).map((level) => `v9.${level}`), 'v9', ...eighth] : eighth;
}

function descending(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index);
}
