import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectContainerd } from '../../src/containerd/client.ts';
import { claim } from './orphans.ts';
import { releaseOn } from './releases.ts';
import { endEverything } from './wreckage.ts';

/** A containerd of its own: root, state, socket and runc state below one directory. */
export interface PrivateContainerd extends AsyncDisposable {
  readonly directory: string;
  /** Absolute path of the socket. */
  readonly address: string;
  readonly pid: number;
  /** For `containerd.runc.v1.Options.root`: a daemon cannot set it, and the default is shared by every containerd of the host. */
  readonly runcRoot: string;
  /** SIGKILL, as a crash; containers live on. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts the daemon again on the same directory; resolves when it serves. */
  start(): Promise<void>;
  /** Ends the daemon and every container under it, unmounts and removes the directory. */
  stop(): Promise<void>;
}

export interface ContainerdSettings {
  /**
   * In a mount namespace of its own, in which a hybrid cgroup hierarchy (v1 with v2 mounted beside it) is plain v1: crun refuses the hybrid.
   * After a crash it would not find the mounts of before, so it is not for tests that kill it.
   */
  readonly withoutHybrid?: boolean;
}

/** Starts the first containerd on a search path, which finds its shim there too; resolves when its health is SERVING. */
export async function startContainerd(
  path = process.env.PATH ?? '',
  { withoutHybrid = false }: ContainerdSettings = {},
): Promise<PrivateContainerd> {
  const directory = await mkdtemp(join(tmpdir(), 'componentd-test-'));
  // As `/run/containerd` is: the users of a container find its root below.
  await chmod(directory, 0o711);
  await claim(directory);
  const address = join(directory, 'containerd.sock');
  const config = join(directory, 'config.toml');
  await writeFile(config, configOf(directory, releaseOn(path) === '2' ? 3 : 2));
  let daemon: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const log = openSync(join(directory, 'containerd.log'), 'a');
    const [program, ...args] = [...(withoutHybrid ? unshareHybrid : []), 'containerd', '--config', config];
    daemon = spawn(program ?? '', args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, PATH: path },
    });
    closeSync(log);
    await untilServing(address, daemon, join(directory, 'containerd.log'));
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.once('exit', () => resolve());
    daemon.kill(signal);
    await promise;
  };
  try {
    await start();
  } catch (error) {
    await end('SIGKILL');
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  const stop = async (): Promise<void> => {
    await end('SIGTERM');
    await endEverything(directory);
    await rm(directory, { recursive: true, force: true });
  };
  return {
    directory,
    address,
    get pid() {
      return daemon?.pid ?? 0;
    },
    runcRoot: join(directory, 'runc'),
    start,
    kill: () => end('SIGKILL'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const hybrid = '/sys/fs/cgroup/unified';
/** Ends by becoming the command that follows, in the same process. */
const unshareHybrid = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  `if mountpoint -q ${hybrid}; then umount ${hybrid}; fi; exec "$@"`,
  'sh',
];

/** CRI off: it wants a CNI set-up and a network port, and nothing here uses it. Version 3 of the format has other names for it. */
function configOf(directory: string, version: 2 | 3): string {
  const cri = version === 2 ? ['grpc.v1.cri'] : ['grpc.v1.cri', 'cri.v1.images', 'cri.v1.runtime'];
  return `version = ${version}
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${cri.map((name) => `"io.containerd.${name}"`).join(', ')}]

[grpc]
  address = "${directory}/containerd.sock"

[ttrpc]
  address = "${directory}/containerd.sock.ttrpc"
`;
}

async function untilServing(address: string, daemon: ChildProcess, log: string): Promise<void> {
  const containerd = connectContainerd({ address, namespace: 'default' });
  try {
    for (const giveUp = Date.now() + 30_000; ; await delay(20)) {
      if (daemon.exitCode !== null) throw new Error(`containerd ended with ${daemon.exitCode}:\n${await tail(log)}`);
      const health = await containerd.call('Health.Check', {}, { deadlineMs: 2_000 }).catch(() => undefined);
      if (health?.status === 'SERVING') return;
      if (Date.now() > giveUp) throw new Error(`containerd does not serve ${address} after 30 s:\n${await tail(log)}`);
    }
  } finally {
    containerd.close();
  }
}

async function tail(log: string): Promise<string> {
  return (await readFile(log, 'utf8')).split('\n').slice(-15).join('\n');
}
