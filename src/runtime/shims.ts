import { createHash } from 'node:crypto';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Containerd } from '../containerd/client.ts';
import { killProcess } from './kill.ts';

/** The process between containerd and one container. */
export interface Shim {
  readonly pid: number;
  /** Its bundle has been removed under it: no task can come of it any more, and no daemon knows it. */
  readonly orphaned: boolean;
}

/** The shims that were started for a container, by their command line. Looks at every process of the host. */
export async function shimsOf(namespace: string, id: string): Promise<readonly Shim[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const shims = await Promise.all(pids.map((pid) => shimAt(Number(pid), namespace, id)));
  return shims.filter((shim) => shim !== undefined);
}

/** SIGKILL to a shim; it leaves its socket, whose name is a hash of whose it is. */
export async function killShim({ address, namespace }: Containerd, id: string, pid: number): Promise<void> {
  killProcess(pid);
  const socket = createHash('sha256')
    .update(join(address, namespace, id))
    .digest('hex');
  await rm(join(shimSockets, socket), { force: true });
}

/** The same for every containerd of the host. */
const shimSockets = '/run/containerd/s';

async function shimAt(pid: number, namespace: string, id: string): Promise<Shim | undefined> {
  try {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const isShim = basename(argv[0] ?? '').startsWith('containerd-shim');
    if (!isShim || flag(argv, '-id') !== id || flag(argv, '-namespace') !== namespace) return undefined;
    return { pid, orphaned: (await readlink(`/proc/${pid}/cwd`)).endsWith(' (deleted)') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The process has ended since.
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

function flag(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name);
  return at < 0 ? undefined : argv[at + 1];
}
