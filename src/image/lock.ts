import type { Containerd } from '../containerd/client.ts';
import { abortIngest, openWhenFree } from './content.ts';

export interface Lock {
  readonly lease: string;
  /** Of processes that should not do the same work at the same time; those of one process are better served by `Turns`. */
  readonly name: string;
  /** Called while another process holds the lock, again and again. */
  readonly onWait: () => void;
  readonly signal: AbortSignal;
}

/**
 * Runs `work` while no other process that speaks to the same containerd does under the same name. The lock is the ref of an ingest into
 * which nothing is ever written: it goes with the connection, so that whoever dies holds nothing.
 */
export async function withLock<T>(client: Containerd, lock: Lock, work: () => Promise<T>): Promise<T> {
  const { lease, name, signal } = lock;
  const ref = `lock-${name}`;
  const writer = await openWhenFree(client, { lease, ref, total: 0 }, lock);
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    writer?.[Symbol.dispose]();
    // One that waited may hold it now; the ingest goes with the last of them, or with its lease.
    await abortIngest(client, ref, { patient: false }).catch(() => {});
  }
}
