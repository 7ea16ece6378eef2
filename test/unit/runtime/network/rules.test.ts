import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chainsOf,
  groupOf,
  type Profile,
  profileOf,
  reachableNameServers,
} from '../../../../src/runtime/network/profile.ts';
import { changesTo, parseSaved, wantedRules } from '../../../../src/runtime/network/rules.ts';

const prefix = 'COMPONENTD-abcdef-';
const subnet = '10.213.0.0/16';
const open = profileOf({ mode: 'bridge', policy: 'compatible', subnet, allow: [], nameServers: ['9.9.9.9'] });
const hardened = profileOf({
  mode: 'bridge',
  policy: 'hardened',
  subnet,
  allow: ['10.1.2.3:443/tcp'],
  nameServers: [],
});
const closed = profileOf({
  mode: 'no-internet',
  policy: 'compatible',
  subnet,
  allow: ['10.9.0.0/16', '192.168.1.1:53', '0.0.0.0/0:123/udp'],
  nameServers: ['9.9.9.9'],
});

function rulesOf(profile: Profile, which: 'onward' | 'node'): readonly string[] | undefined {
  const filter = wantedRules(prefix, [profile]).find(({ table }) => table === 'filter');
  return filter?.chains.get(chainsOf(prefix, profile)[which]);
}

const reject = '-j REJECT --reject-with icmp-admin-prohibited';

describe('what is passed on', () => {
  it('on bridge is everything but link-local addresses and what somebody redirected', () => {
    expect(rulesOf(open, 'onward')).toEqual([
      `-d 169.254.0.0/16 ${reject}`,
      `-m conntrack --ctstate DNAT ${reject}`,
      '-d 9.9.9.9/32 -p tcp -m tcp --dport 53 -j ACCEPT',
      '-d 9.9.9.9/32 -p udp -m udp --dport 53 -j ACCEPT',
      '-j ACCEPT',
    ]);
  });

  it('on a hardened bridge is nothing private that is not listed', () => {
    expect(rulesOf(hardened, 'onward')).toEqual([
      `-d 169.254.0.0/16 ${reject}`,
      `-m conntrack --ctstate DNAT ${reject}`,
      '-d 10.1.2.3/32 -p tcp -m tcp --dport 443 -j ACCEPT',
      ...['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15'].map(
        (range) => `-d ${range} ${reject}`,
      ),
      '-j ACCEPT',
    ]);
  });

  it('on no-internet is what is listed', () => {
    expect(rulesOf(closed, 'onward')).toEqual([
      `-d 169.254.0.0/16 ${reject}`,
      `-m conntrack --ctstate DNAT ${reject}`,
      '-p udp -m udp --dport 123 -j ACCEPT',
      '-d 10.9.0.0/16 -j ACCEPT',
      '-d 192.168.1.1/32 -p tcp -m tcp --dport 53 -j ACCEPT',
      '-d 192.168.1.1/32 -p udp -m udp --dport 53 -j ACCEPT',
      reject,
    ]);
  });
});

it('the node itself is reached by address and port only', () => {
  expect(rulesOf(closed, 'node')).toEqual([
    '-d 192.168.1.1/32 -p tcp -m tcp --dport 53 -j ACCEPT',
    '-d 192.168.1.1/32 -p udp -m udp --dport 53 -j ACCEPT',
    reject,
  ]);
});

it('nobody calls a container, and no container another one', () => {
  const [first, second] = [open, closed].map((profile) => `0x${groupOf(prefix, profile).toString(16)}`).sort();
  const filter = wantedRules(prefix, [open, closed]).find(({ table }) => table === 'filter');
  expect(filter?.chains.get(`${prefix}FWD`)?.slice(0, 4)).toEqual([
    `-m devgroup --dst-group ${first} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-m devgroup --dst-group ${second} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-m devgroup --dst-group ${first} -j DROP`,
    `-m devgroup --dst-group ${second} -j DROP`,
  ]);
});

it('names of chains fit into the 28 characters of iptables, and groups into a positive number', () => {
  for (const profile of [open, hardened, closed]) {
    const { onward, node } = chainsOf(prefix, profile);
    expect([onward.length <= 28, node.length <= 28, groupOf(prefix, profile) < 2 ** 31]).toEqual([true, true, true]);
  }
});

describe('resolvers', () => {
  const asked = ['9.9.9.9', '169.254.169.253', '10.9.1.1', '192.168.1.1', '192.168.1.2'];
  it('of a bridge are all that are not link-local', () => {
    expect(reachableNameServers('bridge', [], asked)).toEqual(['9.9.9.9', '10.9.1.1', '192.168.1.1', '192.168.1.2']);
  });
  it('of no-internet are those that are listed', () => {
    expect(reachableNameServers('no-internet', closed.allow, asked)).toEqual(['10.9.1.1', '192.168.1.1']);
  });
});

/** As `iptables-restore --noflush` does it, as far as it goes here. */
function restore(saved: Map<string, Map<string, string[]>>, text: string): void {
  let table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name] = /^\*(\S+)/.exec(line) ?? [];
    const [, declared] = /^:(\S+) /.exec(line) ?? [];
    const [, verb, chain = '', rest = ''] = /^-([ADFXI]) (\S+) ?(.*)$/.exec(line) ?? [];
    const rules = table.get(chain) ?? [];
    if (name !== undefined) {
      table = saved.get(name) ?? new Map();
      saved.set(name, table);
    } else if (declared !== undefined) table.set(declared, []);
    else if (verb === 'A') rules.push(rest);
    else if (verb === 'I') rules.unshift(rest.replace(/^1 /, ''));
    else if (verb === 'F') rules.splice(0);
    else if (verb === 'D') {
      expect(rules).toContain(rest);
      rules.splice(rules.indexOf(rest), 1);
    } else if (verb === 'X') {
      const users = [...table.values()].flat().filter((rule) => rule.endsWith(`-j ${chain}`));
      expect([rules, users]).toEqual([[], []]);
      table.delete(chain);
    }
  }
}

const builtIn = {
  raw: ['PREROUTING', 'OUTPUT'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'POSTROUTING'],
};
const foreign = fc.array(fc.constantFrom('-j DOCKER-USER', '-s 10.0.0.0/8 -j ACCEPT', '-j COMPONENTD-000000-FWD'), {
  maxLength: 3,
});
const states = fc.record({
  before: fc.subarray([open, hardened, closed]),
  after: fc.subarray([open, hardened, closed]),
  theirs: foreign,
  putBefore: foreign,
  flushed: fc.boolean(),
});

it('whatever was there, the changes make exactly what is wanted, once, and leave the rules of others', () => {
  fc.assert(
    fc.property(states, ({ before, after, theirs, putBefore, flushed }) => {
      const saved = new Map(
        Object.entries(builtIn).map(([table, chains]) => [table, new Map(chains.map((chain) => [chain, [...theirs]]))]),
      );
      const apply = (profiles: readonly Profile[]): string | undefined => {
        const changes = changesTo(wantedRules(prefix, profiles), saved, prefix);
        if (changes !== undefined) restore(saved, changes);
        return changes;
      };
      apply(before);
      if (flushed)
        for (const chains of saved.values())
          for (const [chain, rules] of chains) if (chain.startsWith(prefix)) rules.splice(0);
      for (const chains of saved.values()) chains.get('FORWARD')?.unshift(...putBefore);
      apply(after);
      expect(apply(after)).toBeUndefined();
      for (const { table, chains, jumps } of wantedRules(prefix, after)) {
        const ours = [...(saved.get(table) ?? [])].filter(([chain]) => chain.startsWith(prefix));
        expect(new Map(ours)).toEqual(chains);
        for (const chain of builtIn[table]) {
          const wanted = jumps.filter(({ from }) => from === chain).map(({ to }) => `-j ${to}`);
          const others = chain === 'FORWARD' ? [...putBefore, ...theirs] : theirs;
          expect(saved.get(table)?.get(chain)).toEqual([...wanted, ...others]);
        }
      }
    }),
  );
});

it('what iptables-save prints is read', () => {
  const text = '# made\n*filter\n:INPUT ACCEPT [1:2]\n:X - [0:0]\n-A INPUT -j X\n-A X -s 10.0.0.0/8 -j DROP\nCOMMIT\n';
  expect(parseSaved(text)).toEqual(
    new Map([
      [
        'filter',
        new Map([
          ['INPUT', ['-j X']],
          ['X', ['-s 10.0.0.0/8 -j DROP']],
        ]),
      ],
    ]),
  );
});
