import type { Containerd } from './client.ts';
import { isAlreadyExists, isNotFound } from './errors.ts';

export interface LeaseRequest {
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** When the garbage collector may drop the lease if nobody deleted it: the backstop for a client that died. */
  readonly expiresInSeconds: number;
}

/** Keeps what is made under it (`CallOptions.lease`) from the garbage collector. A lease that exists already is kept as it is. @throws ContainerdError */
export async function createLease(
  containerd: Containerd,
  { id, labels, expiresInSeconds }: LeaseRequest,
): Promise<void> {
  const expire = new Date(Date.now() + expiresInSeconds * 1000).toISOString();
  try {
    await containerd.call('Leases.Create', { id, labels: { ...labels, 'containerd.io/gc.expire': expire } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** `sync` collects garbage before it resolves. A lease that is gone already is fine. @throws ContainerdError */
export async function deleteLease(containerd: Containerd, id: string, { sync }: { sync: boolean }): Promise<void> {
  try {
    await containerd.call('Leases.Delete', { id, sync });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
