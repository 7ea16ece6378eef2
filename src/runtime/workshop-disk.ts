import { sleep } from '../base/abort.ts';
import { UserError } from '../base/errors.ts';
import { formatMemory } from '../base/memory-text.ts';

/** Bytes and files that a container has written to its root. */
export type WrittenBytes = (id: string) => Promise<{ readonly size: number; readonly inodes: number }>;

const firstLookMs = 500;
/** Looking walks everything that was written: it takes at most this share of the time. */
const share = 0.1;
const maxInodes = 2_000_000;

/**
 * Resolves with the signal. What is written between two looks comes on top of the limit.
 * @throws UserError reason `quota` when there is more than the limit, or more than two million files
 */
export async function watchDisk(
  written: WrittenBytes,
  { id, limitBytes, signal }: { readonly id: string; readonly limitBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let pauseMs = firstLookMs; !signal.aborted; ) {
    await sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const started = performance.now();
    // A look that fails says nothing about the disk.
    const { size, inodes } = await written(id).catch(() => ({ size: 0, inodes: 0 }));
    if (size > limitBytes || inodes > maxInodes) {
      const limit = size > limitBytes ? formatMemory(limitBytes) : `${maxInodes} files`;
      throw new UserError(`the build wrote more than ${limit} to disk`, {
        reason: 'quota',
        data: { resource: 'disk' },
        hint: 'Make it need less, or ask the operator to raise images.build.disk.',
      });
    }
    pauseMs = Math.max(firstLookMs, (performance.now() - started) / share);
  }
}
