import { describe, expect, it } from 'vitest';
import { formatResolver, parseResolver } from '../../../../src/runtime/network/resolver.ts';
import { parseRoutes, refuseOverlap } from '../../../../src/runtime/network/routes.ts';

const table = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
veth1\t0200D50A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

describe('routes', () => {
  const routes = parseRoutes(table);
  it('are read from the kernel’s table', () => {
    expect(routes).toEqual([
      { device: 'eth0', first: 0, bits: 0 },
      { device: 'eth0', first: 0xc000_0200, bits: 24 },
      { device: 'veth1', first: 0x0ad5_0002, bits: 32 },
    ]);
  });

  it('to other networks exclude their addresses; the default route and those to containers do not', () => {
    expect(() => refuseOverlap('10.213.0.0/16', routes)).not.toThrow();
    for (const subnet of ['192.0.2.128/25', '192.0.0.0/16']) {
      expect(() => refuseOverlap(subnet, routes)).toThrow(`${subnet}, overlap the route 192.0.2.0/24 of eth0`);
    }
  });
});

describe('the node’s resolvers', () => {
  it('are those that somebody else could ask', () => {
    const text =
      '# made\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 9.9.9.9\n search a.example b.example\noptions ndots:2\nsortlist x\n';
    const resolver = parseResolver(text);
    expect(resolver).toEqual({ nameServers: ['9.9.9.9'], rest: ['search a.example b.example', 'options ndots:2'] });
    expect(formatResolver(resolver)).toBe('nameserver 9.9.9.9\nsearch a.example b.example\noptions ndots:2\n');
  });

  it('that nobody can ask leave nothing', () => {
    expect(formatResolver(parseResolver('nameserver 127.0.0.1\nsearch x\n'))).toBe('');
  });
});
