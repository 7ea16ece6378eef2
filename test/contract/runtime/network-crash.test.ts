import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { derivedId } from '../../../src/base/ids.ts';
import { check } from '../../../src/runtime/network/cni.ts';
import { rulesDiffer } from '../../../src/runtime/network/iptables.ts';
import { createNetworks } from '../../../src/runtime/network/networks.ts';
import { chainPrefix, leasesFolder, recordPath } from '../../../src/runtime/network/places.ts';
import { readRecord } from '../../../src/runtime/network/records.ts';
import type { NetworkSettings } from '../../../src/runtime/network/types.ts';
import { useAlone } from '../../support/alone.ts';
import { networkLeftovers } from '../../support/networks.ts';
import { type Box, openBox } from './box.ts';

const run = promisify(execFile);

useAlone('networks');

describe('a process that is killed', () => {
  let box: Box;
  beforeAll(async () => {
    box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
  });
  afterAll(() => box.close());

  it('at any moment while it makes a container leaves nothing that removing the container does not take away', async () => {
    const program = fileURLToPath(new URL('./creator.ts', import.meta.url));
    const stages: string[] = [];
    const seen = (stage: string): number => stages.filter((one) => one === stage).length;
    const giveUp = Date.now() + 120_000;
    // Small steps while it is quick, larger ones when the machine is so busy that everything takes long.
    for (
      let ms = 0;
      seen('attached') < 3 && Date.now() < giveUp;
      ms += (5 + 20 * Math.random()) * Math.max(1, ms / 100)
    ) {
      const request = await box.script('sleep 600', { network: 'bridge' });
      const argv = [program, inject('containerdAddress'), box.client.namespace, inject('runcRoot')];
      const creator = spawn(process.execPath, [...argv, JSON.stringify(request), JSON.stringify(box.networks)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(creator.stdout, 'data');
      await delay(ms);
      await killed(creator);
      const record = await readRecord(box.networks.directory, request.id);
      stages.push(record === undefined ? 'nothing' : record.result === undefined ? 'begun' : 'attached');
      await box.anotherRuntime().remove(request.id);
      expect(await networkLeftovers(box.networks), `after ${ms} ms`).toEqual([]);
    }
    expect({ begun: seen('begun') > 0, attached: seen('attached') > 0 }).toEqual({ begun: true, attached: true });
  }, 180_000);
});

let settings: NetworkSettings;

describe('networks', () => {
  beforeAll(async () => {
    settings = {
      directory: join(await mkdtemp(join(tmpdir(), 'componentd-test-network-')), 'network'),
      subnet: `10.215.${process.pid % 250}.0/24`,
      pluginDirectories: ['/usr/lib/cni', '/opt/cni/bin'],
      nameServers: ['192.0.2.53'],
      bridgeAllow: ['192.0.2.7:8080/tcp', '0.0.0.0/0:123/udp'],
      noInternetAllow: ['10.1.0.0/16', '10.2.3.4:5432'],
    };
  });
  afterEach(async () => {
    expect(await networkLeftovers(settings)).toEqual([]);
  });
  afterAll(() => rm(join(settings.directory, '..'), { recursive: true }));

  const idOf = (name: string): string => derivedId(settings.directory, name);
  const bridge = (name: string) => ({ id: idOf(name), mode: 'bridge', policy: 'hardened' }) as const;

  it('are as they should be by the plugins’ own judgement, and rules that stand are left alone', async () => {
    const networks = createNetworks(settings);
    const id = idOf('a');
    await networks.attach(bridge('a'));
    await networks.attach({ id: idOf('b'), mode: 'no-internet', policy: 'compatible' });
    const record = await readRecord(settings.directory, id);
    if (record === undefined) throw new Error('there is no record');
    await check({
      network: record.network,
      containerId: id,
      namespace: networks.namespacePath(id),
      result: record.result,
    });
    const other = await readRecord(settings.directory, idOf('b'));
    const profiles = [record, other].flatMap((found) => found?.profile ?? []);
    expect(await rulesDiffer(chainPrefix(settings.directory), profiles)).toBe(false);
    await networks.detach(id);
    expect((await networkLeftovers(settings)).length).toBeGreaterThan(0);
    await networks.detach(idOf('b'));
    // Twice is as good as once.
    await networks.detach(id);
  });

  it('have their rules again, first, when somebody took them away or put others before them', async () => {
    const networks = createNetworks(settings);
    await networks.attach(bridge('a'));
    const before = await networkLeftovers(settings);
    const prefix = chainPrefix(settings.directory);
    await run('iptables', ['--wait', '-F', `${prefix}FWD`]);
    await run('iptables', ['--wait', '-D', 'INPUT', '-j', `${prefix}IN`]);
    const others = ['FORWARD', '-s', `203.0.113.${1 + (process.pid % 250)}/32`, '-j', 'ACCEPT'];
    await run('iptables', ['--wait', '-I', ...others]);
    onTestFinished(() => void execFileSync('iptables', ['--wait', '-D', ...others]));
    await networks.attach(bridge('b'));
    await networks.detach(idOf('b'));
    expect(await networkLeftovers(settings)).toEqual(before);
    const { stdout } = await run('iptables', ['--wait', '-S', 'FORWARD']);
    expect(stdout.split('\n').slice(1, 3)).toEqual([`-A FORWARD -j ${prefix}FWD`, `-A ${others.join(' ')}`]);
    await networks.detach(idOf('a'));
  });

  it('refuse addresses that the node uses, with the way out', async () => {
    const { stdout } = await run('ip', ['-4', '-o', 'route', 'show', 'scope', 'link']);
    const [taken = ''] = stdout.split(' ');
    const networks = createNetworks({ ...settings, subnet: taken });
    await expect(networks.attach(bridge('a'))).rejects.toMatchObject({
      class: 'infrastructure',
      message: expect.stringContaining(`overlap the route ${taken}`),
      hint: expect.stringContaining('networks.subnet'),
    });
    await networks.detach(idOf('a'));
  });

  it('say which package is missing before anything is made', async () => {
    const networks = createNetworks({ ...settings, pluginDirectories: ['/nowhere'] });
    await expect(networks.attach(bridge('a'))).rejects.toMatchObject({
      reason: 'no_plugins',
      hint: expect.stringContaining('containernetworking-plugins'),
    });
    expect(networks.isAttached(idOf('a'))).toBe(false);
  });

  it('that nobody will detach are found: the maker is gone, nothing runs inside, and it is not of just now', async () => {
    const networks = createNetworks(settings);
    const program = `await networks.attach(${JSON.stringify(bridge('a'))}); console.log('attached'); setInterval(() => {}, 1000);`;
    const maker = spawn(process.execPath, withNetworks(program), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(maker.stdout, 'data');
    const found = async (): Promise<string[]> => (await networks.unused()).map(({ kind }) => kind);
    const age = () => utimes(recordPath(settings.directory, idOf('a')), 0, 0);
    await age();
    expect(await found(), 'of a live process').toEqual([]);
    await killed(maker);
    const inside = [`--net=${networks.namespacePath(idOf('a'))}`, 'sh', '-c', 'echo inside; exec sleep 600'];
    const inhabitant = spawn('nsenter', inside, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(inhabitant.stdout, 'data');
    expect(await found(), 'with somebody inside').toEqual([]);
    await killed(inhabitant);
    await utimes(recordPath(settings.directory, idOf('a')), new Date(), new Date());
    expect(await found(), 'of just now').toEqual([]);
    await age();
    const unused = await networks.unused();
    expect(unused).toEqual([{ kind: 'network', id: idOf('a'), why: expect.any(String), remove: expect.any(Function) }]);
    expect((await networkLeftovers(settings)).length).toBeGreaterThan(0);
    for (const { remove } of unused) await remove();
  });

  it('are taken away by the next one who tries, whenever the first one was killed', async () => {
    for (let ms = 0; ms < 160; ms += 10) {
      const [attach, id] = [JSON.stringify(bridge(`killed ${ms}`)), idOf(`killed ${ms}`)];
      const program = `await networks.attach(${attach}); console.log('attached'); await networks.detach('${id}');`;
      const remover = spawn(process.execPath, withNetworks(program), { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(remover.stdout, 'data');
      await delay(ms);
      if (remover.exitCode === null) await killed(remover);
      const networks = createNetworks(settings);
      await networks.detach(id);
      expect(await networkLeftovers(settings), `after ${ms} ms`).toEqual([]);
    }
  });

  it('leave no address and no rule that is not found', async () => {
    const networks = createNetworks(settings);
    await networks.attach(bridge('a'));
    const [network = ''] = await readdir(leasesFolder(settings.directory));
    const lease = settings.subnet.replace('.0/24', '.77');
    await writeFile(join(leasesFolder(settings.directory), network, lease), `${idOf('nobody')}\r\neth0`);
    const unused = await networks.unused();
    expect(unused.map(({ kind, id }) => [kind, id])).toEqual([['address', lease]]);
    for (const { remove } of unused) await remove();
    expect(await networks.unused()).toEqual([]);
    await networks.detach(idOf('a'));

    const chain = `${chainPrefix(settings.directory)}FWD`;
    await run('iptables', ['--wait', '-N', chain]);
    await run('iptables', ['--wait', '-A', 'FORWARD', '-j', chain]);
    await mkdir(join(leasesFolder(settings.directory), network), { recursive: true });
    const left = await networks.unused();
    expect(left.map(({ kind }) => kind)).toEqual(['address', 'rules']);
    for (const { remove } of left) await remove();
  });
});

/** Arguments for Node to run a module that finds `networks`. */
function withNetworks(program: string): string[] {
  const module = new URL('../../../src/runtime/network/networks.ts', import.meta.url);
  const begin = `import { createNetworks } from '${module}'; const networks = createNetworks(${JSON.stringify(settings)});`;
  return ['--input-type=module', '-e', `${begin} ${program}`];
}

async function killed(child: ChildProcess): Promise<void> {
  // It may have done its work and gone by now.
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
