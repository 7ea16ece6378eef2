import { writeFile } from 'node:fs/promises';
import { InfrastructureError } from '../../base/errors.ts';
import { settled } from '../settled.ts';
import { add, type CniNetwork, type CniResult } from './cni.ts';
import { profilesOf, type Shared } from './detach.ts';
import { applyRules } from './iptables.ts';
import { createNamespace } from './namespaces.ts';
import { leasesFolder, namespacePath } from './places.ts';
import { networkFault } from './plugins.ts';
import { groupOf, profileOf, reachableNameServers } from './profile.ts';
import { allRecords, writeRecord } from './records.ts';
import { formatResolver, readResolver } from './resolver.ts';
import { outwardMtu, type Route, readRoutes, refuseOverlap } from './routes.ts';
import type { Attached, NetworkSettings, Wanted } from './types.ts';

/**
 * A container's namespace, rules and address, through the CNI plugin `ptp`: a cable of its own to the node, and no segment in common with
 * anybody on which it could listen, claim an address or pose as another. The node passes on what the rules let through, as its own traffic.
 */
export async function attach(wanted: Wanted, shared: Shared): Promise<Attached> {
  const { settings, together, prefix } = shared;
  const { directory, subnet } = settings;
  const { id, mode, policy } = wanted;
  const fault = networkFault(settings.pluginDirectories);
  if (fault !== undefined) throw fault;
  const routes = await readRoutes();
  refuseOverlap(subnet, routes);
  const allow = mode === 'bridge' ? settings.bridgeAllow : settings.noInternetAllow;
  const resolver = await resolverOf(settings);
  const nameServers = reachableNameServers(mode, allow, resolver.nameServers);
  const profile = profileOf({ mode, policy, subnet, allow, nameServers });
  const record = { id, profile, network: await networkOf(settings, routes) };
  await writeRecord(directory, record);
  await settled([together(() => protect(shared)), createNamespace(directory, id)]);
  const namespace = namespacePath(directory, id);
  const result = await add({ network: record.network, containerId: id, namespace });
  await markNodeEnd(result, groupOf(prefix, profile));
  // Once more: a process that was killed may have left a program behind that changed them after us.
  await together(() => protect(shared));
  await writeRecord(directory, { ...record, result });
  return { address: addressOf(result), resolvConf: formatResolver({ ...resolver, nameServers }) };
}

async function protect({ settings, prefix }: Shared): Promise<void> {
  await applyRules(prefix, profilesOf(await allRecords(settings.directory), prefix));
}

async function resolverOf({ nameServers }: NetworkSettings) {
  const resolver = await readResolver();
  return nameServers.length === 0 ? resolver : { ...resolver, nameServers };
}

async function networkOf(
  { directory, subnet, pluginDirectories }: NetworkSettings,
  routes: readonly Route[],
): Promise<CniNetwork> {
  const mtu = await outwardMtu(routes);
  const ipam = {
    type: 'host-local',
    dataDir: leasesFolder(directory),
    ranges: [[{ subnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return {
    name: `componentd-${subnet.replace('/', '-')}`,
    plugins: [{ type: 'ptp', ipMasq: false, ...(mtu !== undefined && { mtu }), ipam }],
    pluginDirectories,
  };
}

/** Nothing runs in the namespace yet: from here on the rules for its group hold for whatever comes out of it. */
async function markNodeEnd({ interfaces = [] }: CniResult, group: number): Promise<void> {
  const name = interfaces.find(({ sandbox }) => !sandbox)?.name;
  if (name === undefined || !/^[\w.-]{1,15}$/.test(name)) {
    throw new InfrastructureError('the CNI plugin ptp does not say which interface it made on the node', {
      hint: 'Install containernetworking-plugins 0.9 or newer.',
    });
  }
  await writeFile(`/sys/class/net/${name}/netdev_group`, String(group));
  // There is no IPv6 in these networks, so nothing has to be filtered there either.
  await writeFile(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function addressOf({ ips = [] }: CniResult): string {
  const address = ips[0]?.address.split('/')[0];
  if (address !== undefined) return address;
  throw new InfrastructureError('the CNI plugin host-local gave no address', { hint: 'Look at networks.subnet.' });
}
