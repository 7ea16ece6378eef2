import type { Problem } from './errors.ts';
import { dockerBytes, memoryPattern } from './memory-text.ts';
import { suggestFrom } from './suggest.ts';

/** When images that nobody needs are removed by themselves, and which stay. Sizes are written `500m`, `80g`; spans of time `90m`, `12h`, `30d`. */
export interface CollectionSettings {
  /** Images of the tenant take at most so much, content and unpacked layers together; no bound when absent. */
  readonly ceiling?: string;
  /** Down to which images go once they are above the ceiling; four fifths of it when absent. */
  readonly floor?: string;
  /** What must stay free on the file system of containerd; nothing when absent. */
  readonly minFree?: string;
  /** An image that nobody wanted for so long goes, however much space there is; never when absent. */
  readonly unusedFor?: string;
  /** An image that was wanted within this time stays, however little space there is; `10m` when absent. */
  readonly minimumAge?: string;
  /** References that always stay: `quay.io/acme/*`, where `*` stands for anything but a slash and `**` for anything. */
  readonly pins?: readonly string[];
  /** Also images that came from an archive and that no registry can give again. */
  readonly imported?: boolean;
}

/** The same in bytes and milliseconds. */
export interface CollectionRules {
  readonly ceiling: number | undefined;
  readonly floor: number;
  readonly minFree: number | undefined;
  readonly unusedForMs: number | undefined;
  readonly minimumAgeMs: number;
  readonly pins: readonly string[];
  readonly imported: boolean;
}

const unitsMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const defaultMinimumAgeMs = 10 * unitsMs.m;

export function collectionRules(settings: CollectionSettings = {}): CollectionRules {
  const { ceiling, floor, minFree, unusedFor, minimumAge, pins = [], imported = false } = settings;
  const bytes = (text: string | undefined): number | undefined => (text === undefined ? undefined : dockerBytes(text));
  return {
    ceiling: bytes(ceiling),
    floor: bytes(floor) ?? (bytes(ceiling) ?? 0) * 0.8,
    minFree: bytes(minFree),
    unusedForMs: spanMs(unusedFor ?? ''),
    minimumAgeMs: spanMs(minimumAge ?? '') ?? defaultMinimumAgeMs,
    pins,
    imported,
  };
}

/** Milliseconds of `90m`, `12h`, `30d`; `undefined` for anything else. */
export function spanMs(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * unitsMs[unit as keyof typeof unitsMs];
}

type Check = (value: unknown, path: string) => readonly Problem[];

const size: Check = (value, path) =>
  typeof value === 'string' && memoryPattern.test(value) && dockerBytes(value) > 0
    ? []
    : [{ path, message: 'must be a size above 0', hint: 'write it as "500m" or "80g"' }];
const span: Check = (value, path) =>
  typeof value === 'string' && spanMs(value) !== undefined
    ? []
    : [{ path, message: 'must be a span of time', hint: 'write it as "90m", "12h" or "30d"' }];

const checks: Readonly<Record<keyof CollectionSettings, Check>> = {
  ceiling: size,
  floor: size,
  minFree: size,
  unusedFor: span,
  minimumAge: span,
  pins: (value, path) =>
    Array.isArray(value) && value.every((pin) => typeof pin === 'string' && pin !== '' && pin.length <= 1024)
      ? []
      : [{ path, message: 'must be a list of references', hint: 'write them as ["quay.io/acme/*"]' }],
  imported: (value, path) => (typeof value === 'boolean' ? [] : [{ path, message: 'must be true or false' }]),
};

/** Everything that is wrong with the setting `images.collection`, each with its path. */
export function problemsOfCollection(settings: unknown, path: string): readonly Problem[] {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    return [{ path, message: 'must be an object' }];
  const problems = Object.entries(settings).flatMap(([key, value]) => {
    if (Object.hasOwn(checks, key)) return checks[key as keyof CollectionSettings](value, `${path}.${key}`);
    const names = Object.keys(checks);
    const hint = suggestFrom(key, names, 'settings');
    return [{ path: `${path}.${key}`, message: 'is not a setting of the collection', hint }];
  });
  return problems.length > 0 ? problems : contradictions(settings as CollectionSettings, path);
}

function contradictions(settings: CollectionSettings, path: string): readonly Problem[] {
  const { ceiling, floor } = collectionRules(settings);
  if (settings.floor === undefined) return [];
  if (ceiling === undefined)
    return [{ path: `${path}.floor`, message: 'has no ceiling', hint: `set ${path}.ceiling, too` }];
  return floor <= ceiling ? [] : [{ path: `${path}.floor`, message: 'is above the ceiling' }];
}
