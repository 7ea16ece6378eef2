import type { Containerd } from '../containerd/client.ts';
import type { Ending } from '../job/abandon.ts';
import type { Engine } from '../job/types.ts';
import type { Networks } from '../runtime/network/types.ts';

/** One thing that nobody owned, and why it goes. */
export interface Swept {
  readonly kind: 'address' | 'cgroup' | 'container' | 'image' | 'job' | 'lease' | 'network' | 'project' | 'rules';
  readonly id: string;
  readonly why: string;
}

/** How a sweep tells what it does. */
export interface Telling {
  /** Look only. */
  readonly dryRun: boolean;
  /** Called for each thing, before it is removed. */
  readonly onFound: (swept: Swept) => void;
  /** Called for each thing that could not be removed; it stays for the next sweep, and the others are removed all the same. */
  readonly onFailed: (swept: Swept, error: unknown) => void;
}

export interface SweepOptions extends Ending, Telling {
  readonly client: Containerd;
  readonly engine: Pick<Engine, 'runtime' | 'removeCgroup'>;
  /** Networks of the node, for what no container's removal will find. */
  readonly networks: Pick<Networks, 'unused'>;
  readonly stateDir: string;
  /** Names of the cgroups right below this one that hold nothing. */
  readonly emptyCgroups: (parent: string) => Promise<readonly string[]>;
}

/** Tells of a thing and removes it, unless we only look. A failure is told, too, and answered with `false`: it holds up nothing else. */
export async function attempt(telling: Telling, swept: Swept, remove: () => Promise<void>): Promise<boolean> {
  telling.onFound(swept);
  if (telling.dryRun) return true;
  try {
    await remove();
    return true;
  } catch (error) {
    telling.onFailed(swept, error);
    return false;
  }
}
