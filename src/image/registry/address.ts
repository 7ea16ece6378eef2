import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** `public` may be reached by anyone; `internal` is this machine or its networks; `link-local` includes cloud metadata services. */
export type AddressKind = 'public' | 'internal' | 'link-local';

const linkLocal = blockList([
  ['169.254.0.0', 16],
  ['fe80::', 10],
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
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['ff00::', 8],
]);

/** What an IP address (also an IPv4-mapped one) belongs to. Anything that is no address counts as internal. */
export function addressKind(address: string): AddressKind {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return 'internal';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (linkLocal.check(bare, family)) return 'link-local';
  return internal.check(bare, family) ? 'internal' : 'public';
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
