import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A door before a real registry, at which one can see what is asked for, and which one can shut: then it answers what no registry means. */
export interface Front {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** `METHOD path` and status of every request that came through. */
  readonly seen: string[];
  isShut: boolean;
  stop(): Promise<void>;
}

export async function openFront(registry: string): Promise<Front> {
  const server = createServer((request, response) => {
    if (front.isShut) {
      response.writeHead(418).end();
      return;
    }
    const [hostname, port] = registry.split(':');
    const onward = send({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    onward.on('response', (answer) => {
      front.seen.push(`${request.method} ${request.url} ${answer.statusCode}`);
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: Front = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    isShut: false,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return front;
}
