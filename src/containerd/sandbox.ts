import type { Containerd } from './client.ts';
import { hasCode, isNotFound } from './errors.ts';
import type { Features } from './version.ts';

/** Removes a record from the sandbox store; one that is gone is no error. @throws ContainerdError */
export async function deleteSandbox(
  containerd: Containerd,
  sandboxId: string,
  { tellsSandboxIsGone }: Features,
): Promise<void> {
  try {
    await containerd.call('Store.Delete', { sandboxId });
  } catch (error) {
    if (isNotFound(error)) return;
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
