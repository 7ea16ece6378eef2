import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InfrastructureError } from '../../base/errors.ts';
import { notInstalled, searchPath } from './commands.ts';

const plugins = ['ptp', 'host-local'];
const programs = ['iptables-save', 'iptables-restore', 'ip', 'unshare', 'umount'];

/** Full path of a plugin, or `undefined`. */
export function findPlugin(type: string, directories: readonly string[]): string | undefined {
  return directories.map((directory) => join(directory, type)).find((path) => existsSync(path));
}

/** Why containers cannot have a network on this node; `undefined` when everything it takes is installed. */
export function networkFault(directories: readonly string[]): InfrastructureError | undefined {
  const plugin = plugins.find((type) => findPlugin(type, directories) === undefined);
  if (plugin !== undefined) return missingPlugin(plugin, directories);
  const program = programs.find((name) => findPlugin(name, searchPath.split(':')) === undefined);
  return program === undefined ? undefined : notInstalled(program);
}

export function missingPlugin(type: string, directories: readonly string[]): InfrastructureError {
  return new InfrastructureError(`there is no CNI plugin "${type}" in ${directories.join(' or ')}`, {
    reason: 'no_plugins',
    hint: 'Install the package containernetworking-plugins, or name its folder in networks.plugins.',
  });
}
