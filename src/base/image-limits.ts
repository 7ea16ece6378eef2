import type { Problem } from './errors.ts';
import { dockerBytes, memoryPattern } from './memory-text.ts';
import { suggestFrom } from './suggest.ts';

/** What an image may take. Sizes are written as amounts of memory are: `512m`, `64g`. */
export interface ImageLimitSettings {
  /** All layers together, as they are transferred; `50g` when absent. */
  readonly downloadSize?: string;
  /** One layer, unpacked; `64g` when absent. */
  readonly layerSize?: string;
  /** All layers together, unpacked; `128g` when absent. */
  readonly imageSize?: string;
  /** Files of one layer, directories and links included; 2 000 000 when absent. */
  readonly layerFiles?: number;
  /** Files of all layers together; 4 000 000 when absent. */
  readonly imageFiles?: number;
  /** How long fetching and unpacking may take, at most a week; 14 400, four hours, when absent. */
  readonly pullSeconds?: number;
}

/** The same in bytes, files and seconds. */
export type ImageLimits = Readonly<Record<keyof ImageLimitSettings, number>>;

const gibibyte = 2 ** 30;
/** Timers cannot be set for more than 24 days. */
const mostSeconds = 7 * 24 * 3600;

export const defaultLimits: ImageLimits = {
  downloadSize: 50 * gibibyte,
  layerSize: 64 * gibibyte,
  imageSize: 128 * gibibyte,
  layerFiles: 2_000_000,
  imageFiles: 4_000_000,
  pullSeconds: 4 * 3600,
};

/** The settings as numbers, with the defaults for what they do not say. */
export function imageLimitsOf(settings: ImageLimitSettings = {}): ImageLimits {
  const set = Object.entries(settings).map(([name, value]) => [
    name,
    typeof value === 'string' ? dockerBytes(value) : value,
  ]);
  return { ...defaultLimits, ...Object.fromEntries(set) };
}

/** Everything that is wrong with the setting `images.limits`, each with its path. */
export function problemsOfImageLimits(settings: unknown, path: string): readonly Problem[] {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    return [{ path, message: 'must be an object' }];
  return Object.entries(settings).flatMap(([name, value]) => problemOf(name, value, `${path}.${name}`));
}

function problemOf(name: string, value: unknown, path: string): readonly Problem[] {
  if (!Object.hasOwn(defaultLimits, name)) {
    const names = Object.keys(defaultLimits);
    const hint = suggestFrom(name, names, 'limits of images');
    return [{ path, message: 'is not a limit of images', hint }];
  }
  if (name.endsWith('Files')) {
    const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
    return isCount ? [] : [{ path, message: 'must be a whole number above 0' }];
  }
  if (name === 'pullSeconds') {
    const isTime = typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= mostSeconds;
    return isTime ? [] : [{ path, message: `must be a whole number from 1 to ${mostSeconds}` }];
  }
  const isSize = typeof value === 'string' && memoryPattern.test(value) && dockerBytes(value) > 0;
  return isSize ? [] : [{ path, message: 'must be a size above 0', hint: 'write it as "512m" or "64g"' }];
}
