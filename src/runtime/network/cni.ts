import { delimiter } from 'node:path';
import { InfrastructureError } from '../../base/errors.ts';
import { execute } from './commands.ts';
import { findPlugin, missingPlugin } from './plugins.ts';

/** Understood by every plugin since 0.8 (2019), and the first version with CHECK. */
export const cniVersion = '0.4.0';
export const containerInterface = 'eth0';

/** One plugin's part of a network configuration; see the CNI specification, "Network configuration lists". */
export interface PluginConfig {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A network as we hand it to plugins; plain data, kept until the container is detached. */
export interface CniNetwork {
  readonly name: string;
  readonly plugins: readonly PluginConfig[];
  readonly pluginDirectories: readonly string[];
}

/** The part of a plugin's result that is ours to read (CNI specification 0.4.0, "Result"). */
export interface CniResult {
  readonly interfaces?: readonly { readonly name: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly version?: string; readonly address: string }[];
}

export interface Call {
  readonly network: CniNetwork;
  readonly containerId: string;
  /** Path of the namespace; empty for a DEL when it is gone. */
  readonly namespace: string;
  /** What ADD answered, for DEL and CHECK. */
  readonly result?: CniResult | undefined;
}

/** Calls the plugins one after the other, each with the result of the one before. @throws InfrastructureError with what a plugin said. */
export async function add(call: Call): Promise<CniResult> {
  let result: CniResult | undefined;
  for (const plugin of call.network.plugins) {
    const answer = await callPlugin('ADD', plugin, { ...call, result });
    result = JSON.parse(answer) as CniResult;
  }
  return result ?? {};
}

/** Undoes `add`, the last plugin first. What is not there any more is fine. */
export async function del(call: Call): Promise<void> {
  for (const plugin of call.network.plugins.toReversed()) await callPlugin('DEL', plugin, call);
}

/** @throws InfrastructureError when something is not as `add` left it. */
export async function check(call: Call): Promise<void> {
  for (const plugin of call.network.plugins) await callPlugin('CHECK', plugin, call);
}

async function callPlugin(command: 'ADD' | 'DEL' | 'CHECK', plugin: PluginConfig, call: Call): Promise<string> {
  const { network, containerId, namespace, result } = call;
  const path = findPlugin(plugin.type, network.pluginDirectories);
  if (path === undefined) throw missingPlugin(plugin.type, network.pluginDirectories);
  const { code, stdout, stderr } = await execute(path, [], {
    input: JSON.stringify({ cniVersion, name: network.name, ...plugin, ...(result && { prevResult: result }) }),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: namespace,
      CNI_IFNAME: containerInterface,
      CNI_PATH: network.pluginDirectories.join(delimiter),
    },
  });
  if (code === 0) return stdout;
  throw new InfrastructureError(`the CNI plugin ${plugin.type} failed at ${command}: ${complaintOf(stdout, stderr)}`, {
    hint: 'Run `componentd sweep` if an address or an interface is left from a crash.',
  });
}

/** A failed plugin prints an object with `code`, `msg` and `details`; one that crashed prints anything. */
function complaintOf(stdout: string, stderr: string): string {
  try {
    const { msg, details } = JSON.parse(stdout) as { readonly msg?: string; readonly details?: string };
    if (typeof msg === 'string') return [msg, details].filter(Boolean).join(': ').slice(0, 1000);
  } catch {
    // Then it is text.
  }
  return `${stdout} ${stderr}`.trim().slice(-1000) || 'it did not say why';
}
