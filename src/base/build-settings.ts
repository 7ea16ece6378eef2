import type { Problem } from './errors.ts';
import { dockerBytes, memoryPattern } from './memory-text.ts';
import { suggestFrom } from './suggest.ts';

/** What an operator gives to the building of one image; amounts as `512m` or `4g`. */
export interface BuildSettings {
  /** Memory; `2g` when absent. */
  readonly memory?: string;
  /** All that is written to disk, the base image included; `20g` when absent. */
  readonly disk?: string;
  /** Processes and threads; 1024 when absent. */
  readonly pids?: number;
  /** How long it may take; 3600 when absent (contract 9.3). */
  readonly seconds?: number;
  /**
   * Hosts of registries whose images a Dockerfile of a repository may name, besides the one of the component's own image; `docker.io` and
   * `quay.io` when absent.
   */
  readonly registries?: readonly string[];
}

export interface BuildLimits {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly pids: number;
  readonly seconds: number;
  readonly registries: readonly string[];
}

export function buildLimitsOf(settings: BuildSettings = {}): BuildLimits {
  const { memory = '2g', disk = '20g', pids = 1024, seconds = 3600, registries = ['docker.io', 'quay.io'] } = settings;
  return { memoryBytes: dockerBytes(memory), diskBytes: dockerBytes(disk), pids, seconds, registries };
}

/** Less than this does not even unpack a base image. */
const leastBytes = 64 * 2 ** 20;
const ranges = { pids: { least: 64, most: 4_194_304 }, seconds: { least: 1, most: 86_400 } } as const;
const names = ['memory', 'disk', ...Object.keys(ranges), 'registries'];

/** Everything that is wrong with the setting at `path`, each with its own. */
export function problemsOfBuild(value: unknown, path: string): readonly Problem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ path, message: 'must be an object' }];
  return Object.entries(value).flatMap(([key, amount]): readonly Problem[] => {
    const place = `${path}.${key}`;
    if (!names.includes(key)) {
      const hint = suggestFrom(key, names, 'settings');
      return [{ path: place, message: 'is not a setting of builds', hint }];
    }
    if (key === 'registries') {
      const isList =
        Array.isArray(amount) && amount.every((host) => typeof host === 'string' && /^[^\s/]+$/.test(host));
      return isList ? [] : [{ path: place, message: 'must be a list of hosts', hint: 'write ["docker.io"]' }];
    }
    if (Object.hasOwn(ranges, key)) {
      const { least, most } = ranges[key as keyof typeof ranges];
      const isRight = Number.isInteger(amount) && amount >= least && amount <= most;
      return isRight ? [] : [{ path: place, message: `must be a whole number from ${least} to ${most}` }];
    }
    const isAmount = typeof amount === 'string' && memoryPattern.test(amount);
    if (isAmount && dockerBytes(amount) >= leastBytes) return [];
    return [{ path: place, message: 'must be an amount of at least 64m', hint: 'write it as "512m" or "4g"' }];
  });
}
