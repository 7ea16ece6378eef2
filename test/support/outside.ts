import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs at the same time on one machine get addresses of their own. */
const own = process.pid % 60;

/** Addresses of a machine beside the node (of the ranges for documentation, but for the private one), and the port that answers on all of them. */
export const outside = {
  server: `198.51.100.${4 * own + 2}`,
  other: `203.0.113.${own + 1}`,
  internal: `10.66.${own}.2`,
  metadata: '169.254.169.254',
  port: 8080,
  otherPort: 8081,
} as const;

/** The node's own address on the cable to that machine. */
export const nodeAddress = `198.51.100.${4 * own + 1}`;

/** Another one of the node, as agents of clouds use it to give secrets to the containers of their own. */
export const nodeMetadata = `169.254.170.${own + 1}`;

export interface Outside extends AsyncDisposable {
  /** Of the machine: `address` answers by HTTP with the address of who asks. */
  readonly url: (address: string, port?: number) => string;
  /** Port of a server of the node, on every address of the node. */
  readonly nodePort: number;
}

const serve = `
  const http = require('node:http');
  for (const port of process.argv.slice(1)) {
    http.createServer((request, response) => response.end('from ' + request.socket.remoteAddress)).listen(Number(port), '0.0.0.0', () => console.log('listens'));
  }
  process.stdin.resume().on('end', () => process.exit());
`;

/** A machine beside the node, as far as that can be had: a network namespace of its own at the other end of a cable, with servers. */
export async function openOutside(): Promise<Outside> {
  const tag = `${process.pid}`.slice(-6);
  const here = `cpt${tag}a`;
  const there = `cpt${tag}b`;
  const server = spawn('unshare', ['--net', process.execPath, '-e', serve, '8080', '8081'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const node = createServer((_, response) => response.end('the node'));
  const close = async (): Promise<void> => {
    node.close();
    await end(server);
    await run('ip', ['link', 'del', here]).catch(() => undefined);
  };
  try {
    await once(createInterface(server.stdout), 'line');
    const inside = (...args: string[]) => run('nsenter', ['--net', '--target', String(server.pid), 'ip', ...args]);
    await run('ip', ['link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', String(server.pid)]);
    await run('ip', ['addr', 'add', `${nodeAddress}/30`, 'dev', here]);
    await run('ip', ['addr', 'add', `${nodeMetadata}/32`, 'dev', here]);
    await run('ip', ['link', 'set', here, 'up']);
    await inside('link', 'set', there, 'up');
    await inside('addr', 'add', `${outside.server}/30`, 'dev', there);
    await inside('route', 'add', 'default', 'via', nodeAddress);
    for (const address of [outside.other, outside.internal, outside.metadata]) {
      await inside('addr', 'add', `${address}/32`, 'dev', there);
      // Everybody's metadata service has the same address.
      await run('ip', ['route', 'add', address, 'via', outside.server, 'metric', String(process.pid)]);
    }
    await listen(node);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: (address, port = outside.port) => `http://${address}:${port}/`,
    nodePort: (node.address() as AddressInfo).port,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
