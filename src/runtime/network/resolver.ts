import { readTextIfPresent } from '../../base/files.ts';

/** What the node knows of names. */
export interface Resolver {
  readonly nameServers: readonly string[];
  /** The lines `search` and `options`. */
  readonly rest: readonly string[];
}

/** systemd-resolved listens on an address that only the node reaches, and tells here whom it asks. */
const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
const mostLines = 10;

/** The node's resolvers that another machine could ask too, from the first file that has any; without any, none. */
export async function readResolver(): Promise<Resolver> {
  for (const path of files) {
    const resolver = parseResolver((await readTextIfPresent(path)) ?? '');
    if (resolver.nameServers.length > 0) return resolver;
  }
  return { nameServers: [], rest: [] };
}

/** From the text of a resolv.conf(5): IPv4 resolvers that are not the loopback. */
export function parseResolver(text: string): Resolver {
  const lines = text.split('\n').map((line) => line.trim());
  const nameServers = lines.flatMap((line) => /^nameserver\s+(\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1] ?? []);
  return {
    nameServers: nameServers.filter((address) => !address.startsWith('127.')).slice(0, 3),
    rest: lines.filter((line) => /^(search|options)\s/.test(line)).slice(0, mostLines),
  };
}

export function formatResolver({ nameServers, rest }: Resolver): string {
  if (nameServers.length === 0) return '';
  return `${[...nameServers.map((address) => `nameserver ${address}`), ...rest].join('\n')}\n`;
}
