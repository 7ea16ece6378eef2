/** A range of IPv4 addresses: the first one as a number, and how many leading bits they share. */
export interface Cidr {
  readonly first: number;
  readonly bits: number;
}

/** Where traffic may go: a range, and when there is a port only that one, by both protocols unless one is named. */
export interface Endpoint extends Cidr {
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
}

/** `10.1.0.0/16`, or one address; `undefined` for anything else, also for a range that does not begin where its length says. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1, 5).map(Number);
  const bits = Number(match[5] ?? 32);
  if (octets.some((octet) => octet > 255) || bits > 32) return undefined;
  const first = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return first % 2 ** (32 - bits) === 0 ? { first, bits } : undefined;
}

/** `CIDR`, `CIDR:PORT`, `CIDR:PORT/tcp` or `CIDR:PORT/udp`. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, range = '', port, protocol] = /^([\d./]+?)(?::(\d{1,5})(?:\/(tcp|udp))?)?$/.exec(text) ?? [];
  const cidr = parseCidr(range);
  if (cidr === undefined || (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))) return undefined;
  return {
    ...cidr,
    ...(port !== undefined && { port: Number(port) }),
    ...(protocol !== undefined && { protocol: protocol as 'tcp' | 'udp' }),
  };
}

export function formatCidr({ first, bits }: Cidr): string {
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${octets.join('.')}/${bits}`;
}

export function overlap(a: Cidr, b: Cidr): boolean {
  const size = 2 ** (32 - Math.min(a.bits, b.bits));
  return Math.floor(a.first / size) === Math.floor(b.first / size);
}

/** Whether every address of `inner` is in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.bits <= inner.bits && overlap(outer, inner);
}

/** The addresses that only mean something on one link; clouds answer there with secrets of the machine. */
export const linkLocal: Cidr = { first: 169 * 2 ** 24 + 254 * 2 ** 16, bits: 16 };
