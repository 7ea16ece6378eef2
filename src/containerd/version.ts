import { InfrastructureError } from '../base/errors.ts';
import type { Containerd } from './client.ts';

/** A containerd, and what its release line can and cannot do: the one place that knows. */
export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** As the daemon says it: `1.6.20~ds1`, `2.1.9+unknown`. */
  readonly text: string;
  readonly features: Features;
}

export interface Features {
  /** A record in the sandbox store keeps the exit status of a task that ends while the daemon is down; 1.6 has no store, and keeps it by itself. */
  readonly hasSandboxStore: boolean;
  /** A task that ends while the daemon is down is forgotten with its exit status, unless the sandbox store names it. */
  readonly forgetsExitsWhileDown: boolean;
  /** The sandbox store answers NOT_FOUND to who deletes a record that is gone; 1.7 says UNKNOWN. */
  readonly tellsSandboxIsGone: boolean;
  /** `Introspection.Server` tells the daemon's pid, by which a restart can be noticed. */
  readonly tellsPid: boolean;
}

type Line = readonly [major: number, minor: number];

const oldest: Line = [1, 6];
/** The line with which each came. */
const since: Readonly<Record<keyof Features, Line>> = {
  hasSandboxStore: [1, 7],
  forgetsExitsWhileDown: [1, 7],
  tellsSandboxIsGone: [2, 0],
  tellsPid: [1, 7],
};

/** Asks the daemon for its version. @throws ContainerdError; InfrastructureError for a containerd that is too old for us */
export async function probe(containerd: Containerd): Promise<ContainerdVersion> {
  return supported((await containerd.call('Version.Version', {})).version, containerd.address);
}

/** @throws InfrastructureError */
export function supported(text: string, address: string): ContainerdVersion {
  const version = parseVersion(text);
  if (isAtLeast(version, oldest)) return version;
  throw new InfrastructureError(`containerd ${text} at ${address} is too old`, {
    hint: `Install containerd ${oldest.join('.')} or newer, or name the socket of another with --address.`,
  });
}

/** Only the leading `major.minor.patch` counts, with or without `v`. A text without it is taken for the oldest line, which asks least of the daemon. */
export function parseVersion(text: string): ContainerdVersion {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number);
  const [major = 0, minor = 0, patch = 0] = numbers ?? oldest;
  const has = (feature: keyof Features): boolean => isAtLeast({ major, minor }, since[feature]);
  const features = {
    hasSandboxStore: has('hasSandboxStore'),
    forgetsExitsWhileDown: has('forgetsExitsWhileDown'),
    tellsSandboxIsGone: has('tellsSandboxIsGone'),
    tellsPid: has('tellsPid'),
  };
  return { major, minor, patch, text, features };
}

function isAtLeast({ major, minor }: Pick<ContainerdVersion, 'major' | 'minor'>, line: Line): boolean {
  return major > line[0] || (major === line[0] && minor >= line[1]);
}
