import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IndexEntry, Platform } from '../../../src/image/manifest.ts';
import { hostPlatform, normalisePlatform, platformRank, selectManifest } from '../../../src/image/platform.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

function platform(text: string): Platform {
  const [os = '', architecture = '', variant = ''] = text.split('/');
  return { os, architecture, variant };
}

function entry(text: string | undefined, digest: string, more: Partial<IndexEntry> = {}): IndexEntry {
  const named = text === undefined ? undefined : platform(text);
  return { mediaType: manifestType, digest, size: 1, annotations: {}, platform: named, ...more };
}

it.each([
  ['linux/x86_64', 'linux/amd64/'],
  ['linux/x86-64', 'linux/amd64/'],
  ['linux/amd64/v1', 'linux/amd64/'],
  ['Linux/AMD64/v3', 'linux/amd64/v3'],
  ['linux/aarch64', 'linux/arm64/'],
  ['linux/arm64/v8', 'linux/arm64/'],
  ['linux/arm64/8', 'linux/arm64/'],
  ['linux/arm64/v8.0', 'linux/arm64/'],
  ['linux/arm64/v8.2', 'linux/arm64/v8.2'],
  ['linux/arm64/9', 'linux/arm64/v9'],
  ['linux/arm64/v9.0', 'linux/arm64/v9'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['linux/i386', 'linux/386/'],
  ['linux/s390x', 'linux/s390x/'],
])('%s is written %s', (text, normal) => {
  const { os, architecture, variant } = normalisePlatform(platform(text));
  expect(`${os}/${architecture}/${variant}`).toBe(normal);
});

it.each([
  ['linux/amd64', 'amd64 amd64/v1 386', 'amd64/v2 arm64 arm/v7 x'],
  ['linux/amd64/v3', 'amd64/v3 amd64/v2 amd64 386', 'amd64/v4'],
  ['linux/386', '386', 'amd64'],
  ['linux/arm64', 'arm64 arm/v8 arm/v7 arm/v6 arm/v5', 'arm64/v8.1 arm64/v9 arm/v4 amd64'],
  ['linux/arm64/v8.2', 'arm64/v8.2 arm64/v8.1 arm64 arm/v8 arm/v5', 'arm64/v8.3 arm64/v9'],
  ['linux/arm64/v9.1', 'arm64/v9.1 arm64/v9 arm64/v8.6 arm64/v8.5 arm64/v8.1 arm64 arm/v8', 'arm64/v9.2 arm64/v8.7'],
  ['linux/arm', 'arm/v7 arm/v6 arm/v5', 'arm/v8 arm64'],
  ['linux/arm/v6', 'arm/v6 arm/v5', 'arm/v7'],
  ['linux/riscv64', 'riscv64', 'amd64 riscv64/x'],
])('%s runs %s, in this order, and none of %s', (host, runs, others) => {
  const ranks = (list: string) =>
    list.split(' ').map((text) => platformRank(platform(`linux/${text}`), normalisePlatform(platform(host))));
  const found = ranks(runs) as number[];
  expect(found).toEqual(found.toSorted((a, b) => a - b));
  expect(found[0]).toBe(0);
  expect(ranks(others).filter((rank) => rank !== undefined)).toEqual([]);
});

it('prefers the exact platform, then older variants, in the order of the index among equals', () => {
  const host = normalisePlatform(platform('linux/amd64'));
  const pick = (...entries: IndexEntry[]) => selectManifest(entries, host)?.digest;
  expect(pick(entry('linux/arm64', 'a'), entry('linux/amd64', 'b'), entry('linux/amd64', 'c'))).toBe('b');
  expect(pick(entry('linux/386', 'a'), entry('linux/amd64', 'b'))).toBe('b');
  expect(pick(entry('linux/386', 'a'))).toBe('a');
  expect(pick(entry(undefined, 'a'), entry('linux/386', 'b'))).toBe('b');
  expect(pick(entry(undefined, 'a'))).toBe('a');
  expect(pick(entry('linux/amd64/v3', 'a'))).toBeUndefined();
  expect(pick(entry('windows/amd64', 'a'), entry('linux/arm64', 'b'), entry('/', 'c'))).toBeUndefined();
  expect(pick()).toBeUndefined();
});

it('passes over attestations, artifacts, and what is neither manifest nor index', () => {
  const host = normalisePlatform(platform('linux/amd64'));
  const others = [
    entry(undefined, 'a', { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
    entry('unknown/unknown', 'b'),
    entry(undefined, 'c', { artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json' }),
    entry('linux/amd64', 'd', { mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' }),
  ];
  expect(selectManifest(others, host)).toBeUndefined();
  expect(selectManifest([...others, entry(undefined, 'e')], host)?.digest).toBe('e');
});

it('never picks an entry that names a platform this host cannot run, whatever stands beside it', () => {
  const part = (...texts: string[]) => fc.constantFrom('', ...texts);
  const anyPlatform = fc.record({
    os: part('linux', 'windows', 'LINUX', 'unknown'),
    architecture: part('amd64', 'arm64', 'arm', '386', 'x86_64', 'armel', 's390x', '__proto__'),
    variant: part('v1', 'v2', 'v6', 'v7', 'v8', 'v8.1', 'v9', '7', 'v99999999', 'x'),
  });
  const hosts = fc
    .constantFrom('linux/amd64', 'linux/arm64', 'linux/arm/v6', 'linux/386')
    .map(platform)
    .map(normalisePlatform);
  fc.assert(
    fc.property(fc.array(anyPlatform), hosts, (platforms, host) => {
      const entries = platforms.map((named, index) => entry(undefined, String(index), { platform: named }));
      const chosen = selectManifest(entries, host);
      const ranks = platforms.map((named) => platformRank(named, host)).filter((rank) => rank !== undefined);
      const rank = chosen?.platform && platformRank(chosen.platform, host);
      expect(rank).toBe(ranks.length === 0 ? undefined : Math.min(...ranks));
      if (chosen?.platform) expect(chosen.platform.os.toLowerCase()).toBe('linux');
    }),
  );
});

it('finds this machine able to run images of its own platform', () => {
  expect(platformRank(hostPlatform(), hostPlatform())).toBe(0);
});
