import type { Emit } from '../base/events.ts';
import { ulid } from '../base/ids.ts';
import { formatOwner, ownerLabel, thisProcess } from '../base/owner.ts';
import { Scope } from '../base/scope.ts';
import type { Containerd } from '../containerd/client.ts';
import { createLease, deleteLease } from '../containerd/lease.ts';
import { ensureNamespace } from '../containerd/namespace.ts';

const expiresInSeconds = 24 * 3600;

/**
 * Runs `work` under a lease of its own, which ends with it. One that a crash leaves carries its dead owner, for a sweep, and expires in a
 * day. With `collect`, what nothing else keeps is gone when this resolves; else that is so after a failure only.
 */
export async function withLease<T>(
  client: Containerd,
  emit: Emit,
  work: (lease: string) => Promise<T>,
  { collect = false }: { readonly collect?: boolean } = {},
): Promise<T> {
  const id = `image-${ulid()}`;
  const labels = { [ownerLabel]: formatOwner(await thisProcess()) };
  await using scope = new Scope(emit);
  // What a failure leaves half done is gone before the failure is told.
  const done = { well: false };
  scope.own(`lease ${id}`, () => deleteLease(client, id, { sync: collect || !done.well }));
  await ensureNamespace(client);
  await createLease(client, { id, labels, expiresInSeconds });
  const result = await work(id);
  done.well = true;
  return result;
}
