import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { chainPrefix, namespacePath } from '../../../src/runtime/network/places.ts';
import type { ContainerRequest } from '../../../src/runtime/types.ts';
import { useAlone } from '../../support/alone.ts';
import { startContainerd } from '../../support/containerd.ts';
import { networkLeftovers } from '../../support/networks.ts';
import { nodeAddress, nodeMetadata, type Outside, openOutside, outside } from '../../support/outside.ts';
import { type Box, openBox, removeAndRead, runToEnd, untilSaid } from './box.ts';

const { server, other, internal, metadata, port, otherPort } = outside;
const run = promisify(execFile);

useAlone('networks');

let box: Box;
let beside: Outside;
beforeAll(async () => {
  beside = await openOutside();
  box = await openBox({
    address: inject('containerdAddress'),
    runcRoot: inject('runcRoot'),
    networks: {
      nameServers: [server],
      bridgeAllow: [`${internal}:${otherPort}`],
      noInternetAllow: [`${internal}:${port}/tcp`, '10.77.0.0/16'],
    },
  });
});
afterEach(async () => {
  expect(await networkLeftovers(box.networks)).toEqual([]);
});
afterAll(async () => {
  await box.close();
  await beside[Symbol.asyncDispose]();
});

type Ways = Partial<Pick<ContainerRequest, 'network' | 'policy' | 'user'>>;

/** A script that prints for each `address:port` on a line of its own whether somebody answered, and what. */
function asking(places: readonly string[]): string {
  return places
    .map((place) => {
      const request = String.raw`printf 'GET / HTTP/1.0\r\n\r\n' | busybox nc -w 2 ${place.replace(':', ' ')} 2>/dev/null`;
      return `echo "$(${request} | busybox tail -n 1)"`;
    })
    .join('; ');
}

/** Whoever answered at each place, as seen by a new container; `''` for nobody. */
async function answers(places: readonly string[], change: Ways): Promise<readonly string[]> {
  const { stdout, stderr } = await runToEnd(box, await box.script(asking(places), change));
  expect(stderr).toBe('');
  return stdout.split('\n').slice(0, places.length);
}

const gateway = (): string => box.networks.subnet.replace('.0/24', '.1');
const ofNode = (): string[] =>
  ['127.0.0.1', nodeAddress, nodeMetadata, gateway()].map((address) => `${address}:${beside.nodePort}`);
const fromNode = `from ${nodeAddress}`;

describe('what a container reaches', () => {
  const places = [server, other, internal, metadata].map((address) => `${address}:${port}`);

  it('on bridge: other machines, as the node; no link-local address, and nothing of the node', async () => {
    const found = await answers([...places, ...ofNode()], { network: 'bridge' });
    expect(found).toEqual([fromNode, fromNode, fromNode, '', '', '', '', '']);
  });

  it('on a hardened bridge: of private addresses only those that are listed', async () => {
    const all = [...places, `${internal}:${otherPort}`, ...ofNode()];
    const found = await answers(all, { network: 'bridge', policy: 'hardened' });
    expect(found).toEqual([fromNode, fromNode, '', '', fromNode, '', '', '', '']);
  });

  it('on no-internet: what is listed', async () => {
    const all = [...places, `${internal}:${otherPort}`, ...ofNode()];
    expect(await answers(all, { network: 'no-internet' })).toEqual(['', '', fromNode, '', '', '', '', '', '']);
  });

  it('on none: only itself', async () => {
    expect(await answers([...places, ...ofNode()], { network: 'none' })).toEqual(Array(8).fill(''));
    const self = '(busybox nc -l -p 8080 -w 5 &) ; busybox sleep 0.2; echo hello | busybox nc -w 2 127.0.0.1 8080';
    const { stdout } = await runToEnd(box, await box.script(`${self}; ls /sys/class/net`));
    expect(stdout.split('\n').sort()).toEqual(['', 'hello', 'lo']);
  });

  it('nothing through an address of the node behind which another container runtime publishes a port', async () => {
    const published = `-p tcp -d ${nodeAddress} --dport 9 -j DNAT --to-destination ${server}:${port}`.split(' ');
    await run('iptables', ['--wait', '-t', 'nat', '-A', 'PREROUTING', ...published]);
    try {
      for (const network of ['bridge', 'no-internet'] as const) {
        expect(await answers([`${nodeAddress}:9`], { network })).toEqual(['']);
      }
    } finally {
      await run('iptables', ['--wait', '-t', 'nat', '-D', 'PREROUTING', ...published]);
    }
  });

  it('of the node what is listed by address and port, and not by a range', async () => {
    const own = `${nodeAddress}:${beside.nodePort}`;
    for (const [allowed, expected] of [
      [own, 'the node'],
      [`${nodeAddress}/32`, ''],
      ['198.51.100.0/24', ''],
    ] as const) {
      const networks = { ...box.networks, noInternetAllow: [allowed], bridgeAllow: [] };
      const special = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot'), networks });
      const { stdout } = await runToEnd(special, await special.script(asking([own]), { network: 'no-internet' }));
      await special.close();
      expect(stdout.trim()).toBe(expected);
    }
  });

  it('and what it does not, it is refused soon', async () => {
    const started = Date.now();
    const patient = asking([`${metadata}:80`, `${other}:${port}`, `${nodeAddress}:22`]).replaceAll('-w 2', '-w 60');
    await runToEnd(box, await box.script(patient, { network: 'no-internet' }));
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});

describe('containers', () => {
  /** Runs until it is removed; answers its address. */
  async function sleeping(): Promise<
    { readonly request: ContainerRequest; readonly address: string } & AsyncDisposable
  > {
    const listen = '(while true; do echo here | busybox nc -l -p 8080; done &); cat /etc/hosts; echo up; sleep 600';
    const request = await box.script(listen, { network: 'bridge' });
    const container = await box.runtime.create(request);
    await container.start();
    await untilSaid(request, 'up');
    const { stdout } = await run('nsenter', [
      `--net=${namespacePath(box.networks.directory, request.id)}`,
      'ip',
      '-4',
      '-o',
      'addr',
      'show',
      'eth0',
    ]);
    const address = /inet ([\d.]+)/.exec(stdout)?.[1] ?? '';
    return {
      request,
      address,
      async [Symbol.asyncDispose]() {
        await container.stop(0);
        const said = await removeAndRead(container, request);
        expect(said.stdout).toContain(`${address}\t${request.hostname}\n`);
      },
    };
  }

  it('do not reach one another, whatever their networks are', async () => {
    await using first = await sleeping();
    await using second = await sleeping();
    expect(first.address).not.toBe(second.address);
    const places = [first, second].map(({ address }) => `${address}:8080`);
    expect(await answers(places, { network: 'bridge' })).toEqual(['', '']);
    expect(await answers(places, { network: 'no-internet' })).toEqual(['', '']);
  });

  /** Packets so far whose sender was not who it said. */
  async function refusedSenders(): Promise<number> {
    const { stdout } = await run('iptables-save', ['--counters', '--table', 'raw']);
    const rule = stdout.split('\n').find((line) => line.includes(` -A ${chainPrefix(box.networks.directory)}PRE `));
    return Number(/^\[(\d+):/.exec(rule ?? '')?.[1]);
  }

  it('send under their own address only', async () => {
    await using first = await sleeping();
    await using second = await sleeping();
    const inside = async (...command: string[]): Promise<string> => {
      const namespace = `--net=${namespacePath(box.networks.directory, first.request.id)}`;
      return (await run('nsenter', [namespace, ...command])).stdout;
    };
    const askFrom = async (localAddress: string): Promise<string> => {
      const ask = JSON.stringify({ host: server, port, localAddress, timeout: 1_000 });
      const script = `require('node:http').get(${ask}, (answer) => answer.pipe(process.stdout)).on('error', () => {}).on('timeout', () => process.exit())`;
      return await inside(process.execPath, '-e', script);
    };
    expect(await askFrom(first.address)).toBe(fromNode);
    for (const pretended of [second.address, gateway().replace(/1$/, '250'), '192.0.2.77', nodeAddress]) {
      await inside('ip', 'addr', 'add', `${pretended}/32`, 'dev', 'eth0');
      const before = await refusedSenders();
      expect(await askFrom(pretended), pretended).toBe('');
      expect(await refusedSenders(), pretended).toBeGreaterThan(before);
    }
    expect(await askFrom(first.address)).toBe(fromNode);
  });

  it('have no IPv6 but on their loopback interface', async () => {
    const { stdout } = await runToEnd(box, await box.script('cat /proc/net/if_inet6', { network: 'bridge' }));
    expect(stdout.trimEnd().split('\n')).toEqual([expect.stringMatching(/ lo$/)]);
  });

  it.each([
    ['bridge', `nameserver ${server}\n`],
    ['no-internet', ''],
    ['none', ''],
  ] as const)('on %s know the resolvers that they can ask', async (network, expected) => {
    const { stdout } = await runToEnd(box, await box.script('grep nameserver /etc/resolv.conf || true', { network }));
    expect(stdout).toBe(expected);
  });

  it('have Docker’s sysctls on a network, too', async () => {
    const text = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start';
    expect((await runToEnd(box, await box.script(text, { network: 'bridge' }))).stdout).toBe('0\n');
  });
});

it('a daemon that does not see our mounts finds the namespace all the same', async () => {
  const containerd = await startContainerd(undefined, { withoutHybrid: true });
  const special = await openBox({ ...containerd, networks: box.networks });
  try {
    const { stdout } = await runToEnd(special, await special.script('ls /sys/class/net', { network: 'bridge' }));
    expect(stdout).toBe('eth0\nlo\n');
  } finally {
    await special.close();
    await containerd.stop();
  }
});

describe('many containers', () => {
  it('twenty at once have twenty addresses and the same freedom', async () => {
    const text = `${asking([`${server}:${port}`, `${metadata}:${port}`])}; busybox tail -n 1 /etc/hosts`;
    const request = async () => await box.script(text, { network: 'bridge' });
    const ran = await Promise.all(Array.from({ length: 20 }, async () => await runToEnd(box, await request())));
    const lines = ran.map(({ stdout }) => stdout.split('\n'));
    expect(lines.map(([first, second]) => [first, second])).toEqual(Array(20).fill([fromNode, '']));
    expect(new Set(lines.map(([, , hosts]) => hosts?.split('\t')[0])).size).toBe(20);
  });

  it('one after the other leave nothing each', { timeout: 600_000 }, async () => {
    const turns = Number(process.env.COMPONENTD_TEST_TURNS ?? 40);
    for (let turn = 0; turn < turns; turn += 1) {
      const network = turn % 2 === 0 ? 'bridge' : 'no-internet';
      const { code } = await runToEnd(box, await box.script(':', { network }));
      expect(code).toBe(0);
      expect(await networkLeftovers(box.networks)).toEqual([]);
    }
  });
});
