import { readFile } from 'node:fs/promises';

const sigterm = 1n << 14n;

/** What a look at the processes of a container showed. */
export interface ProcessLook {
  /** Of the first process; `undefined` when it was not there to be looked at. */
  readonly onSigterm: 'handled' | 'ignored' | 'default' | undefined;
  /** Names of processes in a session of their own: nobody in the container waits for those. */
  readonly detached: readonly string[];
}

interface Process {
  readonly name: string;
  /** Pid and session in the container's own namespace. */
  readonly inner: number;
  readonly session: number;
  readonly onSigterm: 'handled' | 'ignored' | 'default';
}

/** Looks at processes by their pids on the host (proc(5)). One that ends meanwhile is left out, and so is an OCI runtime on its way in. */
export async function lookAt(pids: readonly number[]): Promise<ProcessLook> {
  const processes = (await Promise.all(pids.slice(0, 1000).map(processAt))).filter((found) => found !== undefined);
  const first = processes.find(({ inner }) => inner === 1);
  return {
    onSigterm: first?.onSigterm,
    detached: processes.filter(({ session }) => session > 1).map(({ name }) => name),
  };
}

async function processAt(pid: number): Promise<Process | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return parseStatus(text);
}

/** From the text of `/proc/<pid>/status`; `undefined` for a zombie. */
export function parseStatus(text: string): Process | undefined {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  const name = field('Name');
  if (name === '' || /^runc:|^crun/.test(name) || /^[ZX]/.test(field('State'))) return undefined;
  const innermost = (list: string): number => Number(list.split('\t').at(-1));
  const holds = (mask: string): boolean => (BigInt(`0x${field(mask) || '0'}`) & sigterm) !== 0n;
  return {
    name,
    inner: innermost(field('NSpid')),
    session: innermost(field('NSsid')),
    onSigterm: holds('SigCgt') ? 'handled' : holds('SigIgn') ? 'ignored' : 'default',
  };
}
