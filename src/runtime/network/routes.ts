import { readFile } from 'node:fs/promises';
import { type Cidr, formatCidr, overlap, parseCidr } from '../../base/cidr.ts';
import { InfrastructureError } from '../../base/errors.ts';

export interface Route extends Cidr {
  readonly device: string;
}

/** The node's IPv4 routes, from the text of `/proc/net/route`: addresses are hexadecimal numbers in the byte order of the machine. */
export function parseRoutes(text: string): Route[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter((fields) => fields.length > 7)
    .map(([device = '', destination = '', , , , , , mask = '']) => {
      const bits = number(mask).toString(2).replaceAll('0', '').length;
      return { device, first: number(destination), bits };
    });
}

function number(hexadecimal: string): number {
  return Buffer.from(hexadecimal, 'hex').readUInt32LE();
}

export async function readRoutes(): Promise<readonly Route[]> {
  return parseRoutes(await readFile('/proc/net/route', 'utf8'));
}

/** Routes to a single address are those to containers. @throws InfrastructureError when something else of the node lies in the subnet. */
export function refuseOverlap(subnet: string, routes: readonly Route[]): void {
  const cidr = parseCidr(subnet);
  const taken = routes.find((route) => route.bits > 0 && route.bits < 32 && cidr !== undefined && overlap(route, cidr));
  if (taken === undefined) return;
  throw new InfrastructureError(
    `the addresses of containers, ${subnet}, overlap the route ${formatCidr(taken)} of ${taken.device}`,
    { hint: 'Set networks.subnet to a range that nothing else uses, for example 10.77.0.0/16.' },
  );
}

/** What fits through the node's way out, so that nothing has to be cut or refused there; `undefined` when it has none. */
export async function outwardMtu(routes: readonly Route[]): Promise<number | undefined> {
  const device = routes.find(({ bits, first }) => bits === 0 && first === 0)?.device;
  if (device === undefined) return undefined;
  return Number(await readFile(`/sys/class/net/${device}/mtu`, 'utf8'));
}
