import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface PrivateDocker {
  /** Arguments of `/usr/bin/docker` that lead to this daemon. */
  readonly args: readonly string[];
  /** Loads an OCI archive under a name. */
  load(archive: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's docker and dockerd: other installations may come first in PATH. */
export const dockerCommand = '/usr/bin/docker';

/** A dockerd with its own data, state, socket and containerd, which touches neither the network nor the firewall of the host. */
export async function startDocker(folder: string, containerd: string): Promise<PrivateDocker> {
  await mkdir(folder, { recursive: true });
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = openSync(join(folder, 'dockerd.log'), 'a');
  const places = [
    '--data-root',
    join(folder, 'data'),
    '--exec-root',
    join(folder, 'exec'),
    '--pidfile',
    join(folder, 'pid'),
  ];
  const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
  const command = ['/usr/sbin/dockerd', '--host', host, '--containerd', containerd, ...places, ...network];
  const daemon = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const args = ['--host', host];
  const stop = async (): Promise<void> => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exited;
  };
  for (const giveUp = Date.now() + 30_000; ; await delay(50)) {
    if (
      await execute(dockerCommand, [...args, 'version']).then(
        () => true,
        () => false,
      )
    )
      break;
    if (daemon.exitCode === null && Date.now() < giveUp) continue;
    await stop();
    throw new Error(`dockerd does not answer:\n${(await readFile(join(folder, 'dockerd.log'), 'utf8')).slice(-2000)}`);
  }
  return { args, load: (archive, name) => load({ folder, args, archive, name }), stop };
}

interface Load {
  readonly folder: string;
  readonly args: readonly string[];
  readonly archive: string;
  readonly name: string;
}

/** Docker 20.10 reads its own archives only. */
async function load({ folder, args, archive, name }: Load): Promise<void> {
  const converted = join(folder, `${name.replaceAll(/[/:]/g, '-')}.tar`);
  await execute('skopeo', ['copy', '--quiet', `oci-archive:${archive}`, `docker-archive:${converted}:${name}`]);
  await execute(dockerCommand, [...args, 'load', '--quiet', '--input', converted]);
}
