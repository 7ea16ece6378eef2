import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, formatCidr, overlap, parseCidr, parseEndpoint } from '../../../src/base/cidr.ts';
import { problemsOfNetworks } from '../../../src/base/network-settings.ts';

const cidrs = fc
  .tuple(fc.nat(2 ** 32 - 1), fc.nat(32))
  .map(([address, bits]) => ({ first: address - (address % 2 ** (32 - bits)), bits }));

describe('ranges of addresses', () => {
  test('read what they write', () => {
    fc.assert(fc.property(cidrs, (cidr) => void expect(parseCidr(formatCidr(cidr))).toEqual(cidr)));
  });

  test('overlap when one covers the other, and only then', () => {
    fc.assert(
      fc.property(cidrs, cidrs, (a, b) => {
        expect(overlap(a, b)).toBe(covers(a, b) || covers(b, a));
        const last = ({ first, bits }: typeof a): number => first + 2 ** (32 - bits) - 1;
        expect(overlap(a, b)).toBe(a.first <= last(b) && b.first <= last(a));
      }),
    );
  });

  test.each(['', '10.0.0', '10.0.0.256', '10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/-1', '::1', '010.0.0.0.1', 'a.b.c.d'])(
    'are not %j',
    (text) => expect(parseCidr(text)).toBeUndefined(),
  );
});

describe('endpoints', () => {
  test.each([
    ['10.1.0.0/16', { first: 0x0a01_0000, bits: 16 }],
    ['10.1.2.3', { first: 0x0a01_0203, bits: 32 }],
    ['10.1.2.3:53', { first: 0x0a01_0203, bits: 32, port: 53 }],
    ['10.1.0.0/16:443/tcp', { first: 0x0a01_0000, bits: 16, port: 443, protocol: 'tcp' }],
    ['0.0.0.0/0:123/udp', { first: 0, bits: 0, port: 123, protocol: 'udp' }],
  ])('%s', (text, endpoint) => expect(parseEndpoint(text)).toEqual(endpoint));

  test.each(['10.1.2.3:0', '10.1.2.3:65536', '10.1.2.3/tcp', 'db.internal:5432', '10.1.2.3:53/icmp', '10.1.2.3:'])(
    'are not %j',
    (text) => expect(parseEndpoint(text)).toBeUndefined(),
  );
});

test('every problem of the setting is told at once, with its path', () => {
  const problems = problemsOfNetworks({
    subnet: '10.0.0.1/16',
    plugins: ['cni'],
    nameServers: ['dns.example', '10.0.0.0/8', '169.254.169.253'],
    bridgeAllow: 'all',
    noInternetAllow: ['10.0.0.0/8', 'db.internal:5432', '169.254.169.254:80', 7],
    directory: 'run',
    subnets: [],
  });
  expect(problems.map(({ path }) => path)).toEqual([
    'networks.subnet',
    'networks.plugins.0',
    'networks.nameServers.0',
    'networks.nameServers.1',
    'networks.nameServers.2',
    'networks.bridgeAllow',
    'networks.noInternetAllow.1',
    'networks.noInternetAllow.2',
    'networks.noInternetAllow.3',
    'networks.directory',
    'networks.subnets',
  ]);
});

test('what is right has no problems', () => {
  const settings = {
    subnet: '10.213.0.0/16',
    plugins: ['/usr/lib/cni'],
    nameServers: ['9.9.9.9'],
    bridgeAllow: ['192.168.1.1:53'],
    noInternetAllow: ['10.0.0.0/8', '10.1.2.3:5432/tcp'],
    directory: '/run/componentd/network',
  };
  expect(problemsOfNetworks(settings)).toEqual([]);
});
