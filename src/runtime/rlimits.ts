import type { Limits, Ulimit } from './types.ts';

/** The hard limits that a process of the host inherits; absent means unlimited. */
export type HardLimits = Readonly<Partial<Record<Ulimit, number>>>;

/** Their names in `/proc/<pid>/limits`. */
const namesInProc: Readonly<Record<Ulimit, string>> = {
  core: 'Max core file size',
  fsize: 'Max file size',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nofile: 'Max open files',
  stack: 'Max stack size',
};

/** Docker's, where the host allows that much; and no core files. */
const defaults = { nofile: 1024 * 1024, core: 0 };

/** From the text of `/proc/<pid>/limits`. */
export function parseHardLimits(text: string): HardLimits {
  const found = Object.entries(namesInProc).flatMap(([name, label]) => {
    const hard = new RegExp(`^${label}\\s+\\S+\\s+(\\d+)\\s`, 'm').exec(text)?.[1];
    return hard === undefined ? [] : [[name, Number(hard)]];
  });
  return Object.fromEntries(found) as HardLimits;
}

/** The lower of each. */
export function lowestOf(one: HardLimits, other: HardLimits): HardLimits {
  const names = Object.keys(namesInProc) as Ulimit[];
  const lowest = names.flatMap((name) => {
    const limit = Math.min(one[name] ?? Number.POSITIVE_INFINITY, other[name] ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(limit) ? [[name, limit]] : [];
  });
  return Object.fromEntries(lowest) as HardLimits;
}

/** `process.rlimits` of an OCI runtime spec. None is above the inherited one: raising it needs a capability that root may lack. */
export function rlimitsOf(ulimits: Limits['ulimits'], inherited: HardLimits) {
  return Object.entries({ ...defaults, ...ulimits }).map(([name, wanted]) => {
    const limit = Math.min(wanted, inherited[name as Ulimit] ?? Number.POSITIVE_INFINITY);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: limit, hard: limit };
  });
}
