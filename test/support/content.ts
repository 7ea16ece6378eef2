import { createHash } from 'node:crypto';
import type { Containerd } from '../../src/containerd/client.ts';

export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** Writes a blob in one stream and commits it; resolves to its digest. */
export async function writeBlob(
  containerd: Containerd,
  data: Uint8Array,
  { lease, chunk = 1 << 20 }: { lease?: string; chunk?: number } = {},
): Promise<string> {
  const expected = digestOf(data);
  const call = containerd.duplex('Content.Write', lease === undefined ? {} : { lease });
  const drained = drain(call.responses);
  // A write that fails says the same thing first.
  drained.catch(() => {});
  const ref = `test-${expected}`;
  for (let offset = 0; offset < data.length; offset += chunk) {
    await call.write({ action: 'WRITE', ref, offset, data: data.subarray(offset, offset + chunk) });
  }
  await call.write({ action: 'COMMIT', ref, offset: data.length, total: data.length, expected });
  call.end();
  await drained;
  return expected;
}

export async function readBlob(containerd: Containerd, digest: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of containerd.stream('Content.Read', { digest })) parts.push(data);
  return Buffer.concat(parts);
}

/** Everything a stream of responses says. */
export async function drain<T>(responses: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const response of responses) all.push(response);
  return all;
}
