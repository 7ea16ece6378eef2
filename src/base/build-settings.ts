import type { Problem } from './errors.ts';
import { dockerBytes, memoryPattern } from './memory-text.ts';
import { suggest } from './suggest.ts';

/** What an operator gives to the building of one image; amounts as `512m` or `4g`. */
export interface BuildSettings {
  /** Memory; `2g` when absent. */
  readonly memory?: string;
  /** All that is written to disk, the base image included; `20g` when absent. */
  readonly disk?: string;
  /** Processes and threads; 1024 when absent. */
  readonly pids?: number;
}

export interface BuildLimits {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly pids: number;
}

export function buildLimitsOf({ memory = '2g', disk = '20g', pids = 1024 }: BuildSettings = {}): BuildLimits {
  return { memoryBytes: dockerBytes(memory), diskBytes: dockerBytes(disk), pids };
}

/** Less than this does not even unpack a base image. */
const leastBytes = 64 * 2 ** 20;
const names = ['memory', 'disk', 'pids'];

/** Everything that is wrong with the setting at `path`, each with its own. */
export function problemsOfBuild(value: unknown, path: string): readonly Problem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ path, message: 'must be an object' }];
  return Object.entries(value).flatMap(([key, amount]): readonly Problem[] => {
    const place = `${path}.${key}`;
    if (!names.includes(key)) {
      const meant = suggest(key, names);
      const hint = `${meant === undefined ? '' : `did you mean ${meant}? `}settings are ${names.join(', ')}`;
      return [{ path: place, message: 'is not a setting of builds', hint }];
    }
    if (key === 'pids') {
      const isRight = Number.isInteger(amount) && amount >= 64 && amount <= 4_194_304;
      return isRight ? [] : [{ path: place, message: 'must be a whole number from 64 to 4194304' }];
    }
    const isAmount = typeof amount === 'string' && memoryPattern.test(amount);
    if (isAmount && dockerBytes(amount) >= leastBytes) return [];
    return [{ path: place, message: 'must be an amount of at least 64m', hint: 'write it as "512m" or "4g"' }];
  });
}
