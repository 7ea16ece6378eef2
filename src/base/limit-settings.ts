import type { Problem } from './errors.ts';
import { memoryMegabytes, memoryPattern } from './memory-text.ts';
import { suggestFrom } from './suggest.ts';

/** Resource limits of a process that can be set, by their names in Docker. */
export const ulimitNames = ['core', 'fsize', 'memlock', 'msgqueue', 'nofile', 'stack'] as const;

/** What an operator allows the containers of a tenant. Nothing here can give a container more than its definition asks for. */
export interface LimitSettings {
  /** The most memory of one container, written as in a definition: `4000m`, `4g`. */
  readonly memory?: string;
  /** The most cores of one container; fractions allowed. */
  readonly cpus?: number;
  /** Size of `/dev/shm`, which counts as memory; Docker's `64m` when absent. */
  readonly shm?: string;
  /** Bytes, or open files; soft and hard alike. */
  readonly ulimits?: Readonly<Partial<Record<(typeof ulimitNames)[number], number>>>;
  /** Takes memory and cores from the limits of the project (contract 8.2), as the project feature of that name does. */
  readonly payAsYouGo?: boolean;
  /** The cores of this node that a container of such a project may have, 1 to 96. */
  readonly instanceCpus?: number;
  /** Limits of the project by their names: `runner.cpuParallelism`, `runner.COMPONENT.memoryLimitMBs`. */
  readonly project?: Readonly<Record<string, number>>;
}

/** The range of `runner.cpuParallelism`, and of the cores of an instance. */
export const cpuRange = { least: 1, most: 96 } as const;
/** The range of `runner.COMPONENT.memoryLimitMBs`. */
export const memoryRange = { least: 1, most: 64_000 } as const;

type Check = (value: unknown, path: string) => readonly Problem[];

interface Range {
  readonly least: number;
  readonly most: number;
}

/** Below these no container starts. */
const leastOf: Readonly<Partial<Record<string, number>>> = { nofile: 64, stack: 128 * 1024 };

/** The least that Docker accepts for a container: with less, its runtime may not even begin. */
export const leastMemory = { text: '6M', bytes: 6 * 2 ** 20 } as const;

const checks: Readonly<Record<keyof LimitSettings, Check>> = {
  memory: memoryCheck(leastMemory.bytes),
  cpus: numberCheck({ least: 0.01, most: 100_000 }),
  shm: memoryCheck(1),
  ulimits: mapCheck(rangeOfUlimit, ulimitNames.join(', ')),
  payAsYouGo: (value, path) => (typeof value === 'boolean' ? [] : [{ path, message: 'must be true or false' }]),
  instanceCpus: numberCheck(cpuRange),
  project: mapCheck(rangeOfProjectLimit, 'runner.cpuParallelism and runner.COMPONENT.memoryLimitMBs'),
};

/** Everything that is wrong with the setting `limits`, each with its path. */
export function problemsOfLimits(settings: object): readonly Problem[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const path = `limits.${key}`;
    if (Object.hasOwn(checks, key)) return checks[key as keyof LimitSettings](value, path);
    const names = Object.keys(checks);
    const hint = suggestFrom(key, names, 'limits');
    return [{ path, message: 'is not a limit', hint }];
  });
}

/** By the name that Storage gives it; other limits of a project are no business of the runner. */
function rangeOfProjectLimit(name: string): Range | undefined {
  if (name === 'runner.cpuParallelism') return cpuRange;
  return /^runner\..+\.memoryLimitMBs$/.test(name) ? memoryRange : undefined;
}

function rangeOfUlimit(name: string): Range | undefined {
  if (!(ulimitNames as readonly string[]).includes(name)) return undefined;
  return { least: leastOf[name] ?? 0, most: Number.MAX_SAFE_INTEGER };
}

function memoryCheck(least: number): Check {
  return (value, path) => {
    const isAmount = typeof value === 'string' && memoryPattern.test(value);
    if (isAmount && memoryMegabytes(value) * 2 ** 20 >= least) return [];
    const message = isAmount
      ? `is too little: at least ${Math.ceil(least / 2 ** 20)}m are needed`
      : 'must be an amount of memory';
    return [{ path, message, hint: 'write it as "512m" or "4g"' }];
  };
}

function numberCheck({ least, most }: Range): Check {
  return (value, path) => {
    const isRight = typeof value === 'number' && value >= least && value <= most;
    return isRight ? [] : [{ path, message: `must be a number from ${least} to ${most}` }];
  };
}

function mapCheck(rangeOf: (name: string) => Range | undefined, known: string): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return [{ path, message: 'must be an object' }];
    return Object.entries(value).flatMap(([name, limit]) => {
      const range = rangeOf(name);
      if (range === undefined)
        return [{ path: `${path}.${name}`, message: 'is not known', hint: `known are ${known}` }];
      const isRight = Number.isInteger(limit) && limit >= range.least && limit <= range.most;
      const message = `must be a whole number from ${range.least} to ${range.most}`;
      return isRight ? [] : [{ path: `${path}.${name}`, message }];
    });
  };
}
