import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Shim {
  readonly pid: number;
  readonly namespace: string;
  readonly id: string;
}

/** The runc shims of one containerd, found by the `-address` in their command line. */
export async function shimsOf(address: string): Promise<readonly Shim[]> {
  const shims: Shim[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const argv = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (!argv[0]?.includes('containerd-shim') || argv[argv.indexOf('-address') + 1] !== address) continue;
    const [namespace, id] = ['-namespace', '-id'].map((flag) => argv[argv.indexOf(flag) + 1] ?? '');
    shims.push({ pid: Number(entry), namespace: namespace ?? '', id: id ?? '' });
  }
  return shims;
}

/** Mount points below a directory, the deepest first. */
export async function mountsBelow(directory: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const points = lines
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((point) => point.startsWith(`${directory}/`));
  return points.reverse();
}

/** The cgroups strictly below a path such as `/componentd`, in every mounted hierarchy, v1 and v2. */
export async function cgroupsBelow(prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const parent of await cgroupsAt(prefix)) {
    for (const entry of await readdir(parent, { withFileTypes: true }))
      if (entry.isDirectory()) found.push(join(parent, entry.name));
  }
  return found;
}

/** The directories of a cgroup path in every mounted hierarchy that has it, v1 and v2. */
export async function cgroupsAt(path: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const roots = new Set(lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4] ?? ''));
  return Array.from(roots, (root) => join(root, path)).filter((directory) => existsSync(directory));
}

/** Ends what a private containerd that is gone has left: shims with their containers, and mounts. */
export async function endEverything(directory: string): Promise<void> {
  const address = join(directory, 'containerd.sock');
  for (const giveUp = Date.now() + 10_000; Date.now() < giveUp; await delay(50)) {
    const shims = await shimsOf(address);
    if (shims.length === 0) break;
    for (const shim of shims) await endShim(directory, shim);
  }
  for (const point of await mountsBelow(directory)) await run('umount', ['--lazy', point]);
  const left = await mountsBelow(directory);
  if (left.length > 0) throw new Error(`still mounted, so nothing below ${directory} is removed: ${left.join(', ')}`);
}

async function endShim(directory: string, { pid, namespace, id }: Shim): Promise<void> {
  for (const root of [join(directory, 'runc'), '/run/containerd/runc']) {
    for (const runtime of ['runc', 'crun']) {
      await run(runtime, ['--root', join(root, namespace), 'delete', '--force', id]).catch(() => {});
    }
  }
  kill(pid);
  // A shim that is killed leaves its socket, whose name is a hash of whose it is.
  const socket = createHash('sha256')
    .update(join(directory, 'containerd.sock', namespace, id))
    .digest('hex');
  await rm(join('/run/containerd/s', socket), { force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function unescapeOctal(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
