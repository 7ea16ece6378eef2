import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { claim } from './orphans.ts';

export interface Registry {
  /** `127.0.0.1:<port>`; plain http, anonymous, pushes and deletes allowed unless it was started otherwise. */
  readonly host: string;
  stop(): Promise<void>;
}

export interface RegistrySettings {
  /** A file of users; nobody else may do anything. */
  readonly htpasswd?: string;
  /** Tokens of the server at `realm`, in the name of the service `test`, signed by the issuer `test` with the certificate in this file. */
  readonly tokens?: { readonly realm: string; readonly certificate: string };
  /** PEM files; https is all that is spoken then. */
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Whoever shows no certificate of this authority is sent away. */
    readonly clientAuthority?: string;
  };
}

/** Starts Debian's docker-registry on a free loopback port with its storage in a temporary directory. */
export async function startRegistry({ htpasswd, tokens, tls }: RegistrySettings = {}): Promise<Registry> {
  const directory = await mkdtemp(join(tmpdir(), 'componentd-test-registry-'));
  await claim(directory);
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  await writeFile(config, configOf(directory, host) + tlsOf(tls) + authOf(htpasswd) + tokensOf(tokens));
  const log = openSync(join(directory, 'registry.log'), 'a');
  const registry = spawn('docker-registry', ['serve', config], { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const stop = async (): Promise<void> => {
    if (registry.exitCode === null && registry.signalCode === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      registry.once('exit', () => resolve());
      registry.kill('SIGTERM');
      await promise;
    }
    await rm(directory, { recursive: true, force: true });
  };
  for (const giveUp = Date.now() + 15_000; ; await delay(20)) {
    if (await (tls === undefined ? answers(host) : listens(host))) return { host, stop };
    if (registry.exitCode !== null || Date.now() > giveUp) {
      const words = await readFile(join(directory, 'registry.log'), 'utf8');
      await stop();
      throw new Error(`docker-registry does not answer on ${host}:\n${words}`);
    }
  }
}

function configOf(directory: string, host: string): string {
  return `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: ${directory}/storage
  delete:
    enabled: true
http:
  addr: ${host}
`;
}

/** Belongs to `http` at the end of {@link configOf}. */
function tlsOf(tls: RegistrySettings['tls']): string {
  if (tls === undefined) return '';
  const clients = tls.clientAuthority === undefined ? '' : `    clientcas:\n      - ${tls.clientAuthority}\n`;
  return `  tls:\n    certificate: ${tls.certificate}\n    key: ${tls.key}\n${clients}`;
}

function authOf(htpasswd: string | undefined): string {
  return htpasswd === undefined ? '' : `auth:\n  htpasswd:\n    realm: test\n    path: ${htpasswd}\n`;
}

function tokensOf(tokens: RegistrySettings['tokens']): string {
  if (tokens === undefined) return '';
  const { realm, certificate } = tokens;
  return `auth:\n  token:\n    realm: ${realm}\n    service: test\n    issuer: test\n    rootcertbundle: ${certificate}\n`;
}

async function answers(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true || response?.status === 401;
}

async function listens(host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(Number(host.split(':')[1]), '127.0.0.1', () => resolve(true)).on('error', () =>
    resolve(false),
  );
  const answer = await promise;
  socket.destroy();
  return answer;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  const port = await promise;
  await new Promise((done) => server.close(done));
  return port;
}
