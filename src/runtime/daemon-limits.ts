import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Containerd } from '../containerd/client.ts';
import type { Features } from '../containerd/version.ts';

/** What matters to us of the process that is the daemon. */
export interface Daemon {
  /** The text of its `/proc/<pid>/limits`, from which shims and containers inherit theirs; empty when it is not found among the processes of this host. */
  readonly limits: string;
  /** Whether it sees what we mount; it is taken to do so when it is not found. */
  readonly seesOurMounts: boolean;
}

export async function findDaemon(client: Containerd, { tellsPid }: Features): Promise<Daemon> {
  const told = tellsPid ? [(await client.call('Introspection.Server', {})).pid] : pidsNamedContainerd();
  const socket = listeningSocket(client.address);
  const daemon = told.find((pid) => socket !== undefined && holdsSocket(pid, socket));
  if (daemon === undefined) return { limits: '', seesOurMounts: true };
  const mounts = linkAt(`/proc/${daemon}/ns/mnt`);
  return {
    limits: read(`/proc/${daemon}/limits`) ?? '',
    seesOurMounts: mounts === undefined || mounts === linkAt('/proc/self/ns/mnt'),
  };
}

/** containerd 1.6 does not tell its pid. Read at one go: a thousand small files one by one cost less than a thousand turns of the event loop. */
function pidsNamedContainerd(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => read(`/proc/${pid}/comm`) === 'containerd\n').map(Number);
}

/** The link that `/proc/<pid>/fd` shows for the socket that listens at this path. */
function listeningSocket(path: string): string | undefined {
  const acceptsConnections = '00010000';
  for (const line of (read('/proc/net/unix') ?? '').split('\n')) {
    const [, , , flags, , , inode, at] = line.trim().split(/\s+/);
    if (at === path && flags === acceptsConnections) return `socket:[${inode}]`;
  }
  return undefined;
}

function holdsSocket(pid: number, socket: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => linkAt(`${folder}/${fd}`) === socket);
  } catch {
    return false;
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A process may end while it is looked at. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
