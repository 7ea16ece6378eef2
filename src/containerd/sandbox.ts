import { anyOfJson, specType } from './any.ts';
import type { Containerd } from './client.ts';
import { hasCode, isNotFound, isUnimplemented } from './errors.ts';
import type { Features } from './version.ts';

export interface SandboxRequest {
  readonly id: string;
  /** containerd's name of the runtime. */
  readonly runtime: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Writes a record into the sandbox store. A daemon that was configured without the store is no error: it goes without. @throws ContainerdError */
export async function createSandbox(containerd: Containerd, { id, runtime, labels }: SandboxRequest): Promise<void> {
  // containerd demands a spec and looks into none.
  const sandbox = { sandboxId: id, runtime: { name: runtime }, spec: anyOfJson(specType, {}), labels };
  try {
    await containerd.call('Store.Create', { sandbox });
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
  }
}

/** Removes a record from the sandbox store; one that is gone is no error. @throws ContainerdError */
export async function deleteSandbox(
  containerd: Containerd,
  sandboxId: string,
  { tellsSandboxIsGone }: Features,
): Promise<void> {
  try {
    await containerd.call('Store.Delete', { sandboxId });
  } catch (error) {
    if (isNotFound(error) || isUnimplemented(error)) return;
    const isUnclear = !tellsSandboxIsGone && hasCode(error, 'UNKNOWN');
    if (!isUnclear || !(await isGone(containerd, sandboxId))) throw error;
  }
}

async function isGone(containerd: Containerd, sandboxId: string): Promise<boolean> {
  try {
    await containerd.call('Store.Get', { sandboxId });
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
