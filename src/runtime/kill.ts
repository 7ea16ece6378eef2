/**
 * SIGKILL to one process; one that has ended is fine. The kernel shows a process of a foreign pid namespace as 0, which kill(2) would take
 * for our own group: that one is left alone.
 */
export function killProcess(pid: number): void {
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
