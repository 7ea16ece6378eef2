import { type ParsedConfig, parseConfig } from './config.ts';
import { invalid } from './document.ts';
import type { Manifest } from './manifest.ts';
import { formatPlatform, hostPlatform, platformRank } from './platform.ts';

/** The config of an image that can run on this machine: for its platform, and of as many layers as its manifest. @throws UserError */
export function parseRunnable(bytes: Buffer, manifest: Manifest, name: string): ParsedConfig {
  const parsed = parseConfig(bytes, name);
  const { platform, diffIds } = parsed;
  const host = hostPlatform();
  if (platformRank(platform, host) === undefined) {
    const made = `it is made for ${formatPlatform(platform) || 'nothing'}, not for ${formatPlatform(host)}`;
    throw invalid(name, made, 'image_platform');
  }
  if (diffIds.length !== manifest.layers.length)
    throw invalid(name, `its config lists ${diffIds.length} layers, its manifest ${manifest.layers.length}`);
  return parsed;
}
