import type { IndexEntry, Platform } from './manifest.ts';

/** The platform images must be for on this machine. */
export function hostPlatform(): Platform {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch === 'ia32' ? '386' : process.arch;
  return normalisePlatform({ os: 'linux', architecture, variant: '' });
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
      return { os: system, architecture: 'arm64', variant: version === 'v8' || version === '8' ? '' : version };
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

/** How well an image for `offered` runs on `host`: 0 is exact, larger is worse, `undefined` means that it does not run. */
export function platformRank(offered: Platform, host: Platform): number | undefined {
  const image = normalisePlatform(offered);
  if (image.os !== host.os) return undefined;
  const rank = runnable(host).indexOf(`${image.architecture}/${image.variant}`);
  return rank < 0 ? undefined : rank;
}

/** The entry of an index to run on `host`: the best rank, and the first of equals. Attestations and unknown platforms are passed over. */
export function selectManifest(manifests: readonly IndexEntry[], host: Platform): IndexEntry | undefined {
  let best: { readonly entry: IndexEntry; readonly rank: number } | undefined;
  for (const entry of manifests) {
    if (entry.annotations['vnd.docker.reference.type'] !== undefined) continue;
    const rank = entry.platform === undefined ? Number.MAX_SAFE_INTEGER : platformRank(entry.platform, host);
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { entry, rank };
  }
  return best?.entry;
}

/** `architecture/variant` as text, for messages. */
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
        ...(variant === '' ? [] : [`arm64/${variant}`]),
        'arm64/',
        ...descending(8, 5).map((level) => `arm/v${level}`),
      ];
    case 'arm':
      return descending(Number(variant.slice(1)), 5).map((level) => `arm/v${level}`);
    default:
      return [`${architecture}/${variant}`];
  }
}

function descending(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index);
}
