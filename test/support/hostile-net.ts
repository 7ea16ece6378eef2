import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';

export interface Outcome {
  readonly trick: string;
  /** `ok`, or the error's reason, else its class. */
  readonly result: string;
  readonly message: string;
  /** Whom anything was sent to, or who was connected to, besides registry and storage. */
  readonly victims: readonly string[];
  /** Requests at the storage, with their headers. */
  readonly storage: readonly { readonly url: string; readonly headers: Readonly<Record<string, unknown>> }[];
  /** Headers at the registry. */
  readonly registry: readonly Readonly<Record<string, unknown>>[];
  readonly ms: number;
  /** Growth of the resident memory at its peak. */
  readonly grewBytes: number;
}

export const registryAddress = '93.184.216.34';
export const storageAddress = '93.184.216.35';
const victimAddresses = ['127.0.0.1', '169.254.169.254', '10.1.2.3', '192.168.5.5', '::1', 'fd00:ec2::254'];
/** Of `/etc/hosts`. */
export const names = `${registryAddress} registry.example auth.registry.example
${storageAddress} storage.example other.example
10.1.2.3 inside.example
169.254.169.254 metadata.example
${storageAddress} both.example
10.1.2.3 both.example
127.0.0.1 localhost
`;
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;
/** How the registry answers, and what was seen since the last trick began. */
export const state = {
  registry: (() => {}) as Handler,
  victims: [] as string[],
  storage: [] as Outcome['storage'][number][],
  seen: [] as Record<string, unknown>[],
};

export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(port, host, () => resolve()));
}

export async function listenEverywhere(tls: { readonly key: Buffer; readonly cert: Buffer }): Promise<void> {
  const front: Handler = (request, response) => {
    state.seen.push(request.headers);
    state.registry(request, response);
  };
  await listen(createHttps(tls, front), 443, registryAddress);
  await listen(createHttp(front), 80, registryAddress);
  const store: Handler = ({ url = '', headers }, response) => {
    state.storage.push({ url, headers });
    // So that every request has to connect, and find out where to, anew.
    response.setHeader('connection', 'close');
    response.end(url.startsWith('/token') ? JSON.stringify({ token: 'bearer-token' }) : 'stored');
  };
  await listen(createHttps(tls, store), 443, storageAddress);
  await listen(createHttp(store), 80, storageAddress);
  for (const address of victimAddresses) {
    for (const port of [80, 443, 8080]) {
      const server = port === 443 ? createHttps(tls) : createHttp();
      server.on('connection', () => state.victims.push(`${address} ${port}: connection`));
      server.on('request', ({ url, headers }: IncomingMessage, response: ServerResponse) => {
        state.victims.push(`${address} ${port}: ${url} ${headers.authorization ?? ''}`);
        response.end('{"token":"x"}');
      });
      await listen(server, port, address);
    }
  }
}

/** Does something and prints what became of it. */
export async function outcome(trick: string, work: () => Promise<unknown>): Promise<void> {
  Object.assign(state, { victims: [], storage: [], seen: [] });
  const before = process.memoryUsage().rss;
  let peak = before;
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  const started = performance.now();
  let [result, message] = ['ok', ''];
  try {
    await work();
  } catch (error) {
    const { reason, class: kind, name } = error as { reason?: string; class?: string; name: string };
    [result, message] = [reason ?? kind ?? name, String(error)];
  }
  clearInterval(sampler);
  const told: Outcome = {
    trick,
    result,
    message,
    victims: state.victims,
    storage: state.storage,
    registry: state.seen,
    ms: performance.now() - started,
    grewBytes: Math.max(peak, process.memoryUsage().rss) - before,
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
