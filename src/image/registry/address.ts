import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** `public` may be reached by anyone; `internal` is this machine or its networks; `link-local` includes metadata services of clouds. */
export type AddressKind = 'public' | 'internal' | 'link-local';

const linkLocal = blockList([
  ['169.254.0.0', 16],
  ['fe80::', 10],
  // Metadata and agents of Azure, Alibaba, Oracle and AWS, which lie in other ranges.
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
  ['fd00:ec2::254', 128],
]);

const internal = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fec0::', 10],
  ['ff00::', 8],
]);

/** What an IP address belongs to; one that leads to an IPv4 address, as that does. Anything that is no address counts as internal. */
export function addressKind(address: string): AddressKind {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return 'internal';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const inner = family === 'ipv6' ? embeddedAddress(bare) : undefined;
  if (inner !== undefined && !internal.check(bare, family)) return addressKind(inner);
  if (linkLocal.check(bare, family)) return 'link-local';
  return internal.check(bare, family) ? 'internal' : 'public';
}

/** The IPv4 address that an IPv6 one is translated or tunnelled to: mapped, compatible, SIIT, NAT64 (RFC 6052), 6to4. */
function embeddedAddress(address: string): string | undefined {
  const groups = groupsOf(address);
  const prefix = groups.slice(0, 6).join(':');
  const isTunnel = groups[0] === '2002';
  const [high, low] = isTunnel ? groups.slice(1, 3) : groups.slice(6, 8);
  if (!isTunnel && !translated.has(prefix)) return undefined;
  const [one, two] = [Number.parseInt(high ?? '0', 16), Number.parseInt(low ?? '0', 16)];
  return [one >> 8, one & 255, two >> 8, two & 255].join('.');
}

const translated = new Set(['0:0:0:0:0:0', '0:0:0:0:0:ffff', '0:0:0:0:ffff:0', '64:ff9b:0:0:0:0']);

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): readonly string[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [left, right] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(8 - (left?.length ?? 0) - (right?.length ?? 0)).fill('0');
  return tail === undefined ? (left ?? []) : [...(left ?? []), ...zeros, ...(right ?? [])];
}

/** A connection was refused because of where its host's name leads. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** Throws when `hostname` is an address itself and not of the allowed kinds; names are checked by {@link guardedLookup}. */
export function checkLiteral(hostname: string, allowed: readonly AddressKind[]): void {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) checkAddresses(hostname, [bare], allowed);
}

/** A resolver for connections that refuses a name if any of its addresses is of another kind; checked when connecting, so DNS cannot change in between. */
export function guardedLookup(allowed: readonly AddressKind[]): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, []);
      try {
        checkAddresses(
          hostname,
          addresses.map(({ address }) => address),
          allowed,
        );
      } catch (refused) {
        return callback(refused as Error, []);
      }
      if (options.all) return callback(null, addresses);
      const first = addresses[0] as LookupAddress;
      return callback(null, first.address, first.family);
    });
  };
}

function checkAddresses(hostname: string, addresses: readonly string[], allowed: readonly AddressKind[]): void {
  for (const address of addresses) {
    const kind = addressKind(address);
    if (!allowed.includes(kind)) throw new AddressRefused(`${hostname} leads to the ${kind} address ${address}`);
  }
}

function blockList(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4');
  return list;
}
