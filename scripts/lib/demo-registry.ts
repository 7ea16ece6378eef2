import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { startService, until } from './child.ts';

export interface DemoRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts docker-registry on loopback with its data below `folder`; on the port of the last run if that is free. It dies with this process. */
export async function startRegistry(folder: string): Promise<DemoRegistry> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const host = `127.0.0.1:${await choosePort(`${folder}/port`)}`;
  await writeFile(`${folder}/config.json`, JSON.stringify(configOf(folder, host)));
  const command = ['--pdeathsig', 'TERM', 'docker-registry', 'serve', `${folder}/config.json`];
  const registry = startService('setpriv', command, `${folder}/registry.log`);
  const exited = once(registry, 'exit');
  const stop = async (): Promise<void> => {
    registry.kill('SIGTERM');
    await exited;
  };
  const ready = await until(async () => registry.exitCode !== null || (await answers(host)), 15_000);
  if (!ready || registry.exitCode !== null) {
    registry.kill('SIGKILL');
    throw new Error(`docker-registry does not answer on ${host}; see ${folder}/registry.log`);
  }
  return { host, stop };
}

/** YAML 1.2 reads JSON. */
function configOf(folder: string, host: string): unknown {
  return {
    version: 0.1,
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: `${folder}/data` } },
    http: { addr: host },
  };
}

async function choosePort(memory: string): Promise<number> {
  const last = Number(await readFile(memory, 'utf8').catch(() => '0'));
  const port = (await freePort(last)) ?? (await freePort(0));
  if (port === undefined) throw new Error('no free port on 127.0.0.1');
  await writeFile(memory, String(port));
  return port;
}

async function freePort(wanted: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(wanted, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

async function answers(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}
