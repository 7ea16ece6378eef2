import { expect, it } from 'vitest';
import type { IndexEntry, Platform } from '../../../src/image/manifest.ts';
import { hostPlatform, normalisePlatform, platformRank, selectManifest } from '../../../src/image/platform.ts';

function platform(text: string): Platform {
  const [os = '', architecture = '', variant = ''] = text.split('/');
  return { os, architecture, variant };
}

function entry(text: string | undefined, digest: string, annotations = {}): IndexEntry {
  return { mediaType: 'm', digest, size: 1, annotations, platform: text === undefined ? undefined : platform(text) };
}

it.each([
  ['linux/x86_64', 'linux/amd64/'],
  ['linux/amd64/v1', 'linux/amd64/'],
  ['Linux/AMD64/v3', 'linux/amd64/v3'],
  ['linux/aarch64', 'linux/arm64/'],
  ['linux/arm64/v8', 'linux/arm64/'],
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

it('prefers the exact platform, then older variants, in the order of the index among equals', () => {
  const host = normalisePlatform(platform('linux/amd64'));
  const pick = (...entries: IndexEntry[]) => selectManifest(entries, host)?.digest;
  expect(pick(entry('linux/arm64', 'a'), entry('linux/amd64', 'b'), entry('linux/amd64', 'c'))).toBe('b');
  expect(pick(entry('linux/386', 'a'), entry('linux/amd64', 'b'))).toBe('b');
  expect(pick(entry('linux/386', 'a'))).toBe('a');
  expect(pick(entry(undefined, 'a'), entry('linux/386', 'b'))).toBe('b');
  expect(pick(entry(undefined, 'a'))).toBe('a');
  expect(pick(entry('linux/amd64/v3', 'a'))).toBeUndefined();
  expect(pick(entry('windows/amd64', 'a'), entry('linux/arm64', 'b'))).toBeUndefined();
  expect(pick()).toBeUndefined();
});

it('passes over attestations', () => {
  const host = normalisePlatform(platform('linux/amd64'));
  const attestation = entry(undefined, 'a', { 'vnd.docker.reference.type': 'attestation-manifest' });
  expect(selectManifest([attestation, entry('unknown/unknown', 'b')], host)).toBeUndefined();
});

it('knows what an ARM host runs', () => {
  const host = normalisePlatform(platform('linux/arm64/v8'));
  const ranks = ['arm64', 'arm64/v8', 'arm/v8', 'arm/v7', 'arm/v6', 'arm/v5'].map((text) =>
    platformRank(platform(`linux/${text}`), host),
  );
  expect(ranks).toEqual([0, 0, 1, 2, 3, 4]);
  expect(platformRank(platform('linux/amd64'), host)).toBeUndefined();
  const old = normalisePlatform(platform('linux/arm/v6'));
  expect(platformRank(platform('linux/arm/v7'), old)).toBeUndefined();
  expect(platformRank(platform('linux/arm/v5'), old)).toBe(1);
});

it('finds this machine able to run images of its own platform', () => {
  expect(platformRank(hostPlatform(), hostPlatform())).toBe(0);
});
