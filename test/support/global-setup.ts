import type { TestProject } from 'vitest/node';
import { startContainerd } from './containerd.ts';
import { removeOrphans } from './orphans.ts';
import { startRegistry } from './registry.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Socket of the run's private containerd. */
    containerdAddress: string;
    /** Its directory: `root`, `state`, `containerd.log` below it. */
    containerdDirectory: string;
    /** For `containerd.runc.v1.Options.root`. */
    runcRoot: string;
    /** `127.0.0.1:<port>` of the run's registry. */
    registryHost: string;
  }
}

/** One containerd and one registry for the whole run; a test that wants to kill a daemon starts its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (process.getuid?.() !== 0)
    throw new Error('these tests start a containerd, which needs root; unit tests alone: vitest run --project unit');
  await removeOrphans();
  const containerd = await startContainerd();
  const registry = await startRegistry().catch(async (error: unknown) => {
    await containerd.stop();
    throw error;
  });
  project.provide('containerdAddress', containerd.address);
  project.provide('containerdDirectory', containerd.directory);
  project.provide('runcRoot', containerd.runcRoot);
  project.provide('registryHost', registry.host);
  return async () => {
    await registry.stop();
    await containerd.stop();
  };
}
