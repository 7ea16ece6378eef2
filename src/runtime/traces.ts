import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonOfAny, specType } from '../containerd/any.ts';
import type { Containerd } from '../containerd/client.ts';
import { isNotFound } from '../containerd/errors.ts';
import { stateRootOf } from './oci-runtime.ts';
import type { RuntimeSpec } from './spec.ts';

/** A container, and where it leaves something that containerd does not know of. */
export interface Traces {
  readonly id: string;
  /** Its cgroup; absent when it is not known. */
  readonly cgroup: string | undefined;
  /** Where its OCI runtime keeps the state of all its containers; absent when that is the shim's own business. */
  readonly stateRoot: string | undefined;
}

/** As the container's record tells them; nothing but the id when there is no record. */
export async function recordedTraces(client: Containerd, id: string): Promise<Traces> {
  try {
    const { container } = await client.call('Containers.Get', { id });
    const { linux } = jsonOfAny(container?.spec ?? null, specType) as RuntimeSpec;
    return { id, cgroup: linux.cgroupsPath, stateRoot: stateRootOf(container?.runtime ?? null) };
  } catch (error) {
    if (isNotFound(error)) return { id, cgroup: undefined, stateRoot: undefined };
    throw error;
  }
}

/** Removes what an OCI runtime that could not delete the container still keeps of it. Call it when nothing of the container runs. */
export async function removeState({ namespace }: Containerd, { id, stateRoot }: Traces): Promise<void> {
  if (stateRoot !== undefined) await rm(join(stateRoot, namespace, id), { recursive: true, force: true });
}
