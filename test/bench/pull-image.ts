import { join } from 'node:path';
import { type BuiltImage, buildLayout, type LayerSpec } from '../../scripts/lib/oci-image.ts';

const mib = 1024 * 1024;

/** What the layers of the image are made of; together about 150 MB as gzip, and two and a half times that on disk. */
const layers = [
  { name: 'base', large: [24 * mib, 8 * mib, 4 * mib], small: 2500 },
  { name: 'runtime', large: [96 * mib, 24 * mib], small: 400 },
  { name: 'packages', large: [12 * mib, 12 * mib, 6 * mib], small: 6000 },
  { name: 'application', large: [30 * mib], small: 300 },
] as const;

/** Writes the image into an OCI layout; the same bytes on every machine. */
export function buildPullImage(layout: string): Promise<BuiltImage> {
  const random = numbers(4);
  const text = textPool(16 * mib, random);
  const code = codePool(64 * mib, random);
  const specs = layers.map(({ name, large, small }): LayerSpec => {
    const entries: Record<string, Uint8Array> = {};
    for (const [index, size] of large.entries())
      entries[join(name, 'lib', `lib${index}.so`)] = window(code, size, random);
    for (let index = 0; index < small; index += 1) {
      // As in a tree of packages: most files are short, some are not.
      const size = Math.floor(400 * 2 ** (random() * 7.5));
      entries[join(name, `package${index % 97}`, `module${index}.py`)] = window(text, size, random);
    }
    return entries;
  });
  return buildLayout({ layers: specs, config: { Cmd: ['/bin/true'] } }, layout);
}

/** A part of the pool, which may begin again at its end: what lies far away from itself compresses as if it were new. */
function window(pool: Buffer, size: number, random: () => number): Uint8Array {
  const start = Math.floor(random() * pool.length);
  if (start + size <= pool.length) return pool.subarray(start, start + size);
  const parts = [pool.subarray(start)];
  for (let rest = size - (pool.length - start); rest > 0; rest -= pool.length) parts.push(pool.subarray(0, rest));
  return Buffer.concat(parts, size);
}

/** Words of a small vocabulary, the frequent ones far more often than the others. */
function textPool(size: number, random: () => number): Buffer {
  const words = Array.from({ length: 6000 }, () =>
    Array.from({ length: 3 + Math.floor(random() * 9) }, () =>
      String.fromCharCode(97 + Math.floor(random() ** 2 * 26)),
    ).join(''),
  );
  const pool = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const word = words[Math.floor(random() ** 5 * words.length)] as string;
    at += pool.write(`${word}${random() < 0.1 ? '\n    ' : ' '}`, at, 'latin1');
    if (size - at < 32) break;
  }
  return pool;
}

/** Machine code, as far as a compressor is concerned: short sequences from a table, operands that are mostly small, some noise. */
function codePool(size: number, random: () => number): Buffer {
  const sequences = Array.from({ length: 512 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 5) }, () => Math.floor(random() * 256)),
  );
  const pool = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    for (const byte of sequences[Math.floor(random() ** 4 * 512)] as number[]) pool[at++] = byte;
    pool[at++] = Math.floor(random() ** 12 * 256);
    if (random() < 0.06) pool[at++] = Math.floor(random() * 256);
  }
  return pool.subarray(0, size);
}

/** Pseudo-random numbers in [0, 1): mulberry32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
