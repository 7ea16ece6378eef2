import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connectContainerd } from '../../src/containerd/client.ts';
import { endProcess, isAlive, markOf, type ProcessMark, startService, until } from './child.ts';

/** A containerd to run the demo on. */
export interface DemoContainerd {
  readonly address: string;
  readonly kind: "the node's" | 'a private one';
  /** Ends a private containerd; what it stores stays for the next run. */
  stop(): Promise<void>;
}

/** The containerd at `address` if it answers; else one of our own below `folder`, perhaps left running by a demo that was killed. */
export async function useContainerd(address: string, folder: string): Promise<DemoContainerd> {
  if (await serves(address)) return { address, kind: "the node's", stop: async () => {} };
  return await startPrivate(folder);
}

async function startPrivate(folder: string): Promise<DemoContainerd> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const address = socketPath(folder);
  const mark = `${folder}/process.json`;
  let running = await readMark(mark);
  if (running !== undefined && !(isAlive(running) && (await serves(address)))) {
    await endProcess(running);
    running = undefined;
  }
  if (running === undefined) {
    await writeFile(`${folder}/config.toml`, configOf(folder, address));
    const daemon = startService('containerd', ['--config', `${folder}/config.toml`], `${folder}/containerd.log`);
    running = markOf(daemon.pid ?? 0);
    if (running === undefined) throw new Error(`containerd did not start; see ${folder}/containerd.log`);
    daemon.unref();
    await writeFile(mark, JSON.stringify(running));
  }
  const own = running;
  const stop = async (): Promise<void> => {
    await endProcess(own);
    await rm(mark, { force: true });
  };
  const ready = await until(async () => !isAlive(own) || (await serves(address)), 30_000);
  if (!ready || !isAlive(own)) {
    await stop();
    throw new Error(`containerd does not answer on ${address}; see ${folder}/containerd.log`);
  }
  return { address, kind: 'a private one', stop };
}

async function serves(address: string): Promise<boolean> {
  const containerd = connectContainerd({ address, namespace: 'componentd' });
  try {
    return (await containerd.call('Health.Check', {}, { deadlineMs: 3_000 })).status === 'SERVING';
  } catch {
    return false;
  } finally {
    containerd.close();
  }
}

async function readMark(path: string): Promise<ProcessMark | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessMark;
  } catch {
    return undefined;
  }
}

/** unix(7): the path of a socket has at most 107 bytes, and containerd adds `.ttrpc` to one of them. */
function socketPath(folder: string): string {
  const inside = `${folder}/containerd.sock`;
  if (Buffer.byteLength(inside) <= 100) return inside;
  return `/run/componentd-demo-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}.sock`;
}

/** Without CRI: it wants a network set-up and a port, and nothing here uses it. */
function configOf(folder: string, address: string): string {
  return `version = 2
root = ${JSON.stringify(`${folder}/root`)}
state = ${JSON.stringify(`${folder}/state`)}
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = ${JSON.stringify(address)}

[ttrpc]
  address = ${JSON.stringify(`${address}.ttrpc`)}
`;
}
