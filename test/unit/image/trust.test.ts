import { describe, expect, it } from 'vitest';
import { AddressRefused, addressKind, checkLiteral, guardedLookup } from '../../../src/image/registry/address.ts';
import { realmProblem } from '../../../src/image/registry/realm.ts';

describe('a token server named by a registry', () => {
  const refused = (registry: string, realm: string, withCredentials = true) =>
    realmProblem(new URL(registry), new URL(realm), withCredentials ? {} : undefined) !== undefined;

  it.each([
    ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
    ['https://ghcr.io', 'https://ghcr.io/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://quay.io', 'https://auth.quay.io/x'],
    ['https://10.0.0.7', 'https://10.0.0.7:444/token'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:6000/token'],
    ['http://localhost:5000', 'http://[::1]:6000/token'],
  ])('%s may send credentials to %s', (registry, realm) => {
    expect(refused(registry, realm)).toBe(false);
  });

  it.each([
    ['https://quay.io', 'http://quay.io/token'],
    ['https://quay.io', 'https://evil.example/token'],
    ['https://quay.io', 'https://quay.io.evil.example/token'],
    ['https://quay.io', 'https://evilquay.io/token'],
    ['https://quay.io', 'https://127.0.0.1/token'],
    ['https://a.co.uk', 'https://b.co.uk/token'],
    ['https://10.0.0.7', 'https://10.0.0.8/token'],
    ['https://registry', 'https://other/token'],
    ['http://127.0.0.1:5000', 'http://auth.example/token'],
    ['http://127.0.0.1:5000', 'https://auth.example/token'],
    ['http://127.0.0.1:5000', 'ftp://127.0.0.1/token'],
  ])('%s must not send credentials to %s', (registry, realm) => {
    expect(refused(registry, realm)).toBe(true);
  });

  it('may be anyone with https when nothing secret is sent, and never plain http elsewhere', () => {
    expect(refused('https://quay.io', 'https://auth.example/token', false)).toBe(false);
    expect(refused('https://quay.io', 'http://auth.example/token', false)).toBe(true);
    expect(refused('http://127.0.0.1:5000', 'http://169.254.169.254/latest', false)).toBe(true);
  });
});

describe('a token server that the operator names', () => {
  const problem = (registry: string, realm: string) =>
    realmProblem(new URL(registry), new URL(realm), { tokenServer: 'login.example:8443' });

  it('may be of another domain, but is that one exactly, and https', () => {
    expect(problem('https://registry', 'https://login.example:8443/token')).toBeUndefined();
    expect(problem('https://registry', 'https://login.example/token')).toBeDefined();
    expect(problem('https://registry', 'http://login.example:8443/token')).toBeDefined();
    expect(problem('http://127.0.0.1:5000', 'https://login.example:8443/token')).toBeDefined();
  });
});

describe('addresses', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['2606:4700::1', 'public'],
    ['10.1.2.3', 'internal'],
    ['172.31.0.1', 'internal'],
    ['192.168.0.1', 'internal'],
    ['100.64.0.1', 'internal'],
    ['127.0.0.1', 'internal'],
    ['0.0.0.0', 'internal'],
    ['255.255.255.255', 'internal'],
    ['::1', 'internal'],
    ['[::1]', 'internal'],
    ['fd00::1', 'internal'],
    ['::ffff:10.0.0.1', 'internal'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fd00:ec2::254', 'link-local'],
    ['168.63.129.16', 'link-local'],
    ['100.100.100.200', 'link-local'],
    ['192.0.0.192', 'link-local'],
    ['::', 'internal'],
    ['::7f00:1', 'internal'],
    ['::a9fe:a9fe', 'link-local'],
    ['::ffff:0:169.254.169.254', 'link-local'],
    ['64:ff9b::169.254.169.254', 'link-local'],
    ['64:ff9b::10.0.0.1', 'internal'],
    ['64:ff9b::8.8.8.8', 'public'],
    ['64:ff9b:1::8.8.8.8', 'internal'],
    ['2002:a9fe:a9fe::1', 'link-local'],
    ['2002:7f00:1::', 'internal'],
    ['2002:808:808::1', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['fec0::1', 'internal'],
    ['ff02::1', 'internal'],
    ['not an address', 'internal'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it('refuses literal addresses of a kind that is not allowed, and leaves names to the resolver', () => {
    expect(() => checkLiteral('169.254.169.254', ['public', 'internal'])).toThrow(AddressRefused);
    expect(() => checkLiteral('[::1]', ['public'])).toThrow(AddressRefused);
    checkLiteral('10.0.0.1', ['public', 'internal']);
    checkLiteral('example.com', ['public']);
  });

  it.each([true, false])('refuses a name that leads to a refused address while connecting (all: %s)', async (all) => {
    const resolve = (allowed: Parameters<typeof guardedLookup>[0]) =>
      new Promise((done, fail) =>
        guardedLookup(allowed)('localhost', { all }, (error, address) => (error ? fail(error) : done(address))),
      );
    await expect(resolve(['public'])).rejects.toThrow(AddressRefused);
    const found = await resolve(['public', 'internal']);
    expect(all ? found : [found]).not.toEqual([]);
  });
});
