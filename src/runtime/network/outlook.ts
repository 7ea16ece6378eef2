import { readFile } from 'node:fs/promises';
import { reachableNameServers } from './profile.ts';
import { readResolver } from './resolver.ts';
import type { NetworkSettings } from './types.ts';

/** What an operator should know before the first container gets a network, one sentence each. */
export async function networkNotes(settings: NetworkSettings): Promise<readonly string[]> {
  const [resolver, forwarding] = await Promise.all([
    readResolver(),
    readFile('/proc/sys/net/ipv4/ip_forward', 'utf8').catch(() => '1'),
  ]);
  const known = settings.nameServers.length > 0 ? settings.nameServers : resolver.nameServers;
  const notes: string[] = [];
  if (forwarding.trim() === '0') {
    notes.push(
      'this node passes no packets on yet (net.ipv4.ip_forward is 0); the first container with a network turns that on',
    );
  }
  if (reachableNameServers('bridge', [], known).length === 0) {
    notes.push('containers cannot ask any resolver of this node, so names do not resolve; set networks.nameServers');
  }
  return notes;
}
