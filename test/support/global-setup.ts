import type { TestProject } from 'vitest/node';
import { startContainerd } from './containerd.ts';
import { removeOrphans } from './orphans.ts';
import { startRegistry } from './registry.ts';
import { findRelease, releaseNames } from './releases.ts';

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

/** One containerd, of the project's release line, and one registry for all its files; a test that wants to kill a daemon starts its own. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const wanted = releaseNames.find(
    (name) => name === (project.config.env as NodeJS.ProcessEnv | undefined)?.COMPONENTD_TEST_RELEASE,
  );
  const release = wanted && findRelease(wanted);
  if (wanted && !release) return undefined;
  if (process.getuid?.() !== 0)
    throw new Error('these tests start a containerd, which needs root; unit tests alone: vitest run --project unit');
  await removeOrphans();
  const containerd = await startContainerd(release?.path);
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
