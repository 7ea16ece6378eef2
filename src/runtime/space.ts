import { statfs } from 'node:fs/promises';
import { sleep } from '../base/abort.ts';
import { InfrastructureError } from '../base/errors.ts';

const mebibyte = 1024 * 1024;
const smallestReserve = 64 * mebibyte;
const largestReserve = 1024 * mebibyte;
/** More than any writer was seen to reach. */
const fastestWriterBytesPerMs = 2 * mebibyte;
const soonestMs = 10;
const latestMs = 1000;

export interface FreeSpaceOptions {
  /** Any file or directory on the file system. */
  readonly path: string;
  /** Bytes that must stay free. Absent: 5 % of the file system, at least 64 MiB and at most 1 GiB. */
  readonly reserveBytes?: number;
}

/**
 * Watches the file system of the logs until `signal` aborts, then resolves. A shim whose write failed once never writes again and its
 * container hangs, so this must speak up before the file system is full. The less is left, the more often it looks.
 * @throws InfrastructureError reason `disk_full` at once when the reserve is not there, and as soon as it is touched.
 */
export async function freeSpaceGuard(options: FreeSpaceOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const spare = await checkFreeSpace(options);
    const pause = Math.min(latestMs, Math.max(soonestMs, spare / fastestWriterBytesPerMs));
    await sleep(pause, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}

/** Bytes free beyond the reserve. @throws InfrastructureError reason `disk_full` when there are none; its data hold the bytes that may be used, and that are. */
export async function checkFreeSpace({ path, reserveBytes }: FreeSpaceOptions): Promise<number> {
  const { bavail, blocks, bsize } = await statfs(path);
  const reserve = reserveBytes ?? Math.min(largestReserve, Math.max(smallestReserve, 0.05 * blocks * bsize));
  const spare = bavail * bsize - reserve;
  if (spare > 0) return spare;
  const inMebibytes = (bytes: number): string => `${Math.floor(bytes / mebibyte)} MiB`;
  throw new InfrastructureError(
    `the file system of ${path} has ${inMebibytes(bavail * bsize)} free and needs ${inMebibytes(reserve)}`,
    {
      reason: 'disk_full',
      hint: 'Free some space, or choose another --state-dir.',
      data: {
        limit: { name: 'disk', value: blocks * bsize - reserve, unit: 'bytes' },
        used: (blocks - bavail) * bsize,
      },
    },
  );
}
