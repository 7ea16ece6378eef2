import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { connectContainerd } from '../../src/containerd/client.ts';
import { ensureNamespace } from '../../src/containerd/namespace.ts';
import { createImages } from '../../src/image/images.ts';
import type { ReadyImage } from '../../src/image/types.ts';
import { detectCgroups, removeCgroupParents } from '../../src/runtime/cgroups.ts';
import { createRuntime } from '../../src/runtime/container.ts';
import type { Container } from '../../src/runtime/types.ts';

/** Our engine inside a process that runs already, as the daemon will be. */
export interface Resident {
  ensure(reference: string): Promise<ReadyImage>;
  /** Runs one container, with everything a component gets. Milliseconds until its exit is known, and until nothing of it is left. */
  runOne(image: ReadyImage): Promise<Readonly<Record<string, number>>>;
  /** Three containers after one another, all created before the first one starts. */
  runChain(image: ReadyImage): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

const cgroupParent = '/componentd-bench';

export async function startResident(address: string, folder: string): Promise<Resident> {
  const client = connectContainerd({ address, namespace: 'bench-resident' });
  await ensureNamespace(client, {});
  const runtime = createRuntime(client, { snapshotter: 'overlayfs' });
  const images = createImages(client);

  const create = (image: ReadyImage): Promise<Container> => {
    const id = randomBytes(32).toString('hex');
    return runtime.create({
      id,
      image,
      labels: {},
      cgroupParent,
      env: { BENCH: '1' },
      mounts: [{ source: folder, destination: '/data' }],
      user: { uid: 1000, gid: 1000 },
      hostname: id.slice(0, 12),
      network: 'none',
      sysctls: {},
      limits: { memoryBytes: 256 * 1024 * 1024 },
      policy: 'compatible',
      logs: { stdout: join(folder, `${id}.out`), stderr: join(folder, `${id}.err`) },
    });
  };
  const toExit = async (container: Container): Promise<void> => {
    await container.start();
    const { code } = await container.wait();
    if (code !== 0) throw new Error(`the container ended with ${code}`);
  };

  return {
    ensure: (reference) =>
      images.ensure({ reference, policy: 'missing' }, { emit: () => undefined, signal: AbortSignal.timeout(60_000) }),
    async runOne(image) {
      const begun = performance.now();
      const container = await create(image);
      await toExit(container);
      const exit = performance.now() - begun;
      await container.remove();
      return { exit, removed: performance.now() - begun };
    },
    async runChain(image) {
      const begun = performance.now();
      const ahead = [create(image), create(image), create(image)];
      const removals: Promise<void>[] = [];
      for (const created of ahead) {
        const container = await created;
        await toExit(container);
        removals.push(container.remove());
      }
      const exit = performance.now() - begun;
      await Promise.all(removals);
      return { exit, removed: performance.now() - begun };
    },
    async close() {
      await removeCgroupParents(await detectCgroups(), cgroupParent, '/');
      client.close();
    },
  };
}
