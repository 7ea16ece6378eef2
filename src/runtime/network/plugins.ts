import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InfrastructureError } from '../../base/errors.ts';

const needed = ['ptp', 'host-local'];

/** Full path of a plugin, or `undefined`. */
export function findPlugin(type: string, directories: readonly string[]): string | undefined {
  return directories.map((directory) => join(directory, type)).find((path) => existsSync(path));
}

/** Whether containers can have a network at all. */
export function hasPlugins(directories: readonly string[]): boolean {
  return needed.every((type) => findPlugin(type, directories) !== undefined);
}

/** @throws InfrastructureError reason `no-plugins` naming the package. */
export function requirePlugins(directories: readonly string[]): void {
  for (const type of needed) if (findPlugin(type, directories) === undefined) throw missingPlugin(type, directories);
}

export function missingPlugin(type: string, directories: readonly string[]): InfrastructureError {
  return new InfrastructureError(`there is no CNI plugin "${type}" in ${directories.join(' or ')}`, {
    reason: 'no-plugins',
    hint: 'Install the package containernetworking-plugins, or name its folder in networkPlugins.',
  });
}
