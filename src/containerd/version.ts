import type { Containerd } from './client.ts';

/** A containerd, and what this release line can and cannot do: the one place that knows. */
export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As the daemon says it: `1.6.20~ds1`, `2.1.9+unknown`. */
  readonly text: string;
  readonly features: Features;
}

export interface Features {
  /** A record in the sandbox store keeps the exit status of a task that ends while the daemon is down; without it (and without this store) 1.6 keeps the status by itself. */
  readonly hasSandboxStore: boolean;
  /** A task that ends while the daemon is down is forgotten with its exit status, unless the sandbox store names it. */
  readonly forgetsExitsWhileDown: boolean;
  /** The daemon can pull by itself, from https registries with credentials. */
  readonly hasTransfer: boolean;
  /** `Introspection.Server` tells the daemon's pid, by which a restart can be noticed. */
  readonly tellsPid: boolean;
  /** `Diff.Apply` honours `syncFs`. */
  readonly hasSyncFs: boolean;
  /** cgroup v2 metrics carry `maxUsage` (peak memory). */
  readonly metricsHavePeak: boolean;
  /** Config files say `version = 3`; version 2 is still read. */
  readonly configVersion: 2 | 3;
}

/** Asks the daemon for its version. @throws ContainerdError */
export async function probe(containerd: Containerd): Promise<ContainerdVersion> {
  return parseVersion((await containerd.call('Version.Version', {})).version);
}

/** Only the leading `major.minor.patch` counts, with or without `v`. A text without it is taken for the oldest line, 1.6, which asks least of the daemon. */
export function parseVersion(text: string): ContainerdVersion {
  const [, major = 1, minor = 6, patch = 0] = (/^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).map(Number);
  return { major, minor, patch, text, features: featuresOf(major, minor) };
}

function featuresOf(major: number, minor: number): Features {
  const from = (line: readonly [number, number]): boolean => major > line[0] || (major === line[0] && minor >= line[1]);
  return {
    hasSandboxStore: from([1, 7]),
    forgetsExitsWhileDown: from([1, 7]),
    hasTransfer: from([2, 0]),
    tellsPid: from([1, 7]),
    hasSyncFs: from([2, 0]),
    metricsHavePeak: from([2, 0]),
    configVersion: from([2, 0]) ? 3 : 2,
  };
}
