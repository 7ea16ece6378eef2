import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Runs the work unless another process of this machine (of this network namespace) is doing so under the same name; then answers
 * `undefined` at once. The kernel keeps the turn, as an abstract socket (unix(7)): it ends with the process, however that ends.
 */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  // Whoever connects has nothing to say, and must not keep the process alive.
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0componentd-${createHash('sha256').update(name).digest('hex')}`);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}
