import { readFile } from 'node:fs/promises';

/** Label of what dies with its process, for a sweep: see `formatOwner`. */
export const ownerLabel = 'componentd.owner';

/** A process of this machine, told apart from a later one with the same pid and from one before a reboot. Plain data. */
export interface Owner {
  readonly pid: number;
  /** Start time in clock ticks since boot (proc(5), `/proc/<pid>/stat` field 22). */
  readonly startTime: string;
  /** `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
}

/** Who we are. */
export async function thisProcess(): Promise<Owner> {
  const [startTime, bootId] = await Promise.all([startTimeOf('self'), currentBootId()]);
  if (startTime === undefined) throw new Error('/proc/self/stat cannot be read');
  return { pid: process.pid, startTime, bootId };
}

/** Whether the very process that wrote this is still alive. */
export async function isAlive(owner: Owner): Promise<boolean> {
  return (await currentBootId()) === owner.bootId && (await startTimeOf(owner.pid)) === owner.startTime;
}

/** One line for labels and messages. */
export function formatOwner({ pid, startTime, bootId }: Owner): string {
  return `${pid}.${startTime}.${bootId}`;
}

export function parseOwner(text: string): Owner | undefined {
  const match = /^(\d{1,10})\.(\d{1,20})\.([0-9a-f-]{36})$/.exec(text);
  if (match === null) return undefined;
  const [, pid = '', startTime = '', bootId = ''] = match;
  return { pid: Number(pid), startTime, bootId };
}

async function startTimeOf(pid: number | 'self'): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie runs no more; its work has no owner.
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

/** `/proc/sys/kernel/random/boot_id`: another one after every start of the machine. */
export async function currentBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
