import type { Containerd } from './client.ts';
import { isAlreadyExists } from './errors.ts';

/** Makes sure that the connection's namespace exists and carries these labels; labels of others stay. @throws ContainerdError */
export async function ensureNamespace(
  containerd: Containerd,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const name = containerd.namespace;
  try {
    await containerd.call('Namespaces.Create', { namespace: { name, labels } });
    return;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  if (Object.keys(labels).length === 0) return;
  const { namespace } = await containerd.call('Namespaces.Get', { name });
  const missing = Object.keys(labels).filter((key) => namespace?.labels[key] !== labels[key]);
  if (missing.length === 0) return;
  await containerd.call('Namespaces.Update', {
    namespace: { name, labels },
    updateMask: { paths: missing.map((key) => `labels.${key}`) },
  });
}
