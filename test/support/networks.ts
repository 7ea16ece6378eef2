import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { createNetworks } from '../../src/runtime/network/networks.ts';
import { chainPrefix, leasesFolder, namespacesFolder, recordsFolder } from '../../src/runtime/network/places.ts';
import { allRecords } from '../../src/runtime/network/records.ts';
import type { NetworkSettings } from '../../src/runtime/network/types.ts';

/** Where containers of a test have their networks. */
export interface NetworkPlace {
  readonly directory: string;
  /** Ends in `.0/24`. */
  readonly subnet: string;
}

/** Takes away what a failed test left: rules and interfaces would outlive the run. */
export async function endNetworks(settings: NetworkSettings): Promise<void> {
  const networks = createNetworks(settings);
  for (const { id } of await allRecords(settings.directory)) await networks.detach(id);
}

/** One line for each attachment, namespace, lease, interface, chain and jump that is there. */
export async function networkLeftovers({ directory, subnet }: NetworkPlace): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('iptables-save', []);
  const network = subnet.replace(/\.0\/24$/, '.');
  const interfaces = Object.entries(networkInterfaces());
  const namesIn = async (folder: string): Promise<string[]> => await readdir(folder).catch(() => []);
  return [
    ...(await namesIn(recordsFolder(directory))).map((name) => `attachment ${name}`),
    ...(await namesIn(namespacesFolder(directory))).map((name) => `network namespace ${name}`),
    ...(existsSync(leasesFolder(directory)) ? ['leases of addresses'] : []),
    ...interfaces
      .filter(([, addresses]) => addresses?.some(({ address }) => address.startsWith(network)))
      .map(([name]) => `interface ${name}`),
    ...stdout
      .split('\n')
      .filter((line) => line.includes(chainPrefix(directory)))
      .map((line) => `rule ${line}`),
  ];
}
