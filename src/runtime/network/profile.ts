import { createHash } from 'node:crypto';
import { covers, formatCidr, linkLocal, parseCidr, parseEndpoint } from '../../base/cidr.ts';

/** What the containers of one kind may reach; plain data. Two with the same content share their rules. */
export interface Profile {
  readonly mode: 'bridge' | 'no-internet';
  /** Whether private address ranges are reachable without being listed. */
  readonly openPrivate: boolean;
  readonly subnet: string;
  /** Endpoints, sorted. */
  readonly allow: readonly string[];
}

export interface Asked {
  readonly mode: Profile['mode'];
  readonly policy: 'compatible' | 'hardened';
  readonly subnet: string;
  readonly allow: readonly string[];
  /** Resolvers that the containers are told of. */
  readonly nameServers: readonly string[];
}

/** On `bridge` names can be resolved; on `no-internet` only what is listed can be reached, resolvers too. */
export function profileOf({ mode, policy, subnet, allow, nameServers }: Asked): Profile {
  const resolvers = mode === 'bridge' ? nameServers.map((address) => `${address}:53`) : [];
  return {
    mode,
    openPrivate: mode === 'bridge' && policy === 'compatible',
    subnet,
    allow: [...new Set([...allow, ...resolvers])].sort(),
  };
}

/** The resolvers that containers of this kind can ask. */
export function reachableNameServers(
  mode: Profile['mode'],
  allow: readonly string[],
  nameServers: readonly string[],
): string[] {
  return nameServers.filter((text) => {
    const address = parseCidr(text);
    if (address === undefined || address.bits !== 32 || covers(linkLocal, address)) return false;
    if (mode === 'bridge') return true;
    return allow.some((entry) => {
      const endpoint = parseEndpoint(entry);
      return endpoint !== undefined && covers(endpoint, address) && (endpoint.port ?? 53) === 53;
    });
  });
}

/** 24 bits that tell the profiles of one folder apart. */
function tagOf(prefix: string, { mode, openPrivate, subnet, allow }: Profile): string {
  const text = JSON.stringify([prefix, mode, openPrivate, subnet, allow]);
  return createHash('sha256').update(text).digest('hex').slice(0, 6);
}

const groupMark = 0x63_00_00_00;

/** The device group (ip-link(8)) that marks the node's end of a container's cable: rules match it, whatever a packet claims to be. */
export function groupOf(prefix: string, profile: Profile): number {
  return groupMark + Number.parseInt(tagOf(prefix, profile), 16);
}

/** Names of the profile's two chains: what is passed on, and what is for the node itself. */
export function chainsOf(prefix: string, profile: Profile): { readonly onward: string; readonly node: string } {
  const tag = tagOf(prefix, profile);
  return { onward: `${prefix}F${tag}`, node: `${prefix}N${tag}` };
}

/** What iptables matches for an endpoint, to stand before `-j`: one text, or one for each protocol. */
export function matchesOf(text: string): string[] {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) return [];
  const { port, protocol, bits } = endpoint;
  // What matches everything is not printed.
  const destination = bits === 0 ? '' : `-d ${formatCidr(endpoint)} `;
  if (port === undefined) return [destination];
  const protocols = protocol === undefined ? ['tcp', 'udp'] : [protocol];
  return protocols.map((name) => `${destination}-p ${name} -m ${name} --dport ${port} `);
}

/** The node itself is reachable only where somebody wrote down address and port: a range never means it. */
export function namesOnePort(text: string): boolean {
  const endpoint = parseEndpoint(text);
  return endpoint?.bits === 32 && endpoint.port !== undefined;
}
