import { isAbsolute } from 'node:path';
import { covers, linkLocal, overlap, parseCidr, parseEndpoint } from './cidr.ts';
import type { Problem } from './errors.ts';
import { type Check, listOf } from './list-check.ts';
import { suggestFrom } from './suggest.ts';

/** What an operator decides about the networks of containers; everything has a default. */
export interface NetworkConfig {
  /** Addresses of containers, for example `10.213.0.0/16`; nothing else of the node may use them. */
  readonly subnet?: string;
  /** Folders with CNI plugins. */
  readonly plugins?: readonly string[];
  /** Resolvers for containers, by address; the node's own when absent. */
  readonly nameServers?: readonly string[];
  /** What `bridge` reaches in addition, as `CIDR`, `CIDR:PORT` or `CIDR:PORT/tcp`: private ranges when hardened; the node by address and port. */
  readonly bridgeAllow?: readonly string[];
  /** What `no-internet` reaches, written the same way; nothing when absent. */
  readonly noInternetAllow?: readonly string[];
  /** Folder of namespaces and leases, emptied when the machine starts; one for all who run containers on this node. */
  readonly directory?: string;
}

const smallestSubnet = 28;
const largestSubnet = 12;
const mostEntries = 200;

const checks: Readonly<Record<keyof NetworkConfig, Check>> = {
  subnet: (value, path) => {
    const cidr = typeof value === 'string' ? parseCidr(value) : undefined;
    if (cidr !== undefined && cidr.bits <= smallestSubnet && cidr.bits >= largestSubnet && !overlap(cidr, linkLocal))
      return [];
    const message = `must be a range of IPv4 addresses with a length from ${largestSubnet} to ${smallestSubnet}`;
    return [{ path, message, hint: 'for example 10.213.0.0/16; the bits behind the length are 0' }];
  },
  plugins: listOf(mostEntries, (text) => (isAbsolute(text) ? undefined : 'must be an absolute path')),
  nameServers: listOf(mostEntries, complaintAboutNameServer),
  bridgeAllow: listOf(mostEntries, complaintAboutEndpoint),
  noInternetAllow: listOf(mostEntries, complaintAboutEndpoint),
  directory: (value, path) =>
    typeof value === 'string' && isAbsolute(value) ? [] : [{ path, message: 'must be an absolute path' }],
};

/** Everything that is wrong with the setting `networks`, each with its path. */
export function problemsOfNetworks(settings: object): readonly Problem[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const path = `networks.${key}`;
    if (Object.hasOwn(checks, key)) return checks[key as keyof NetworkConfig](value, path);
    const names = Object.keys(checks);
    const hint = suggestFrom(key, names, 'settings');
    return [{ path, message: 'is not a setting of networks', hint }];
  });
}

const neverReachable = 'is never reachable, because clouds give away secrets there';

function complaintAboutEndpoint(text: string): string | undefined {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined)
    return 'must be CIDR, CIDR:PORT, CIDR:PORT/tcp or CIDR:PORT/udp, in IPv4 and without names';
  return covers(linkLocal, endpoint) ? neverReachable : undefined;
}

function complaintAboutNameServer(text: string): string | undefined {
  const address = parseCidr(text);
  if (address === undefined || text.includes('/')) return 'must be an IPv4 address';
  return covers(linkLocal, address) ? neverReachable : undefined;
}
