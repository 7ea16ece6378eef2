import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { buildImage, type ImageSpec } from '../../../scripts/lib/oci-image.ts';
import { derivedId } from '../../../src/base/ids.ts';
import { type Containerd, connectContainerd } from '../../../src/containerd/client.ts';
import type { ReadyImage } from '../../../src/image/types.ts';
import { detectCgroups, removeCgroupParents } from '../../../src/runtime/cgroups.ts';
import { createRuntime } from '../../../src/runtime/container.ts';
import type { NetworkSettings } from '../../../src/runtime/network/types.ts';
import type { OciRuntime } from '../../../src/runtime/oci-runtime.ts';
import type { Container, ContainerRequest, Runtime } from '../../../src/runtime/types.ts';
import { endNetworks } from '../../support/networks.ts';
import { expectNothingLeft } from '../../support/nothing-left.ts';

const run = promisify(execFile);
const applets =
  'sh cat dd echo env false grep head hostname id ls mount mkdir pwd seq setsid sleep stat touch true tr wc yes';

/** busybox and its applets, and what tests want to stumble over. */
export const busyboxLayer = {
  'bin/busybox': { file: '/usr/bin/busybox', mode: 0o755 },
  ...Object.fromEntries(applets.split(' ').map((name) => [`bin/${name}`, { symlink: 'busybox' }])),
};

export type Change = Partial<Omit<ContainerRequest, 'limits'>> & {
  readonly limits?: Partial<ContainerRequest['limits']>;
  readonly config?: Partial<ReadyImage['config']>;
  readonly chainId?: string;
};

/** A namespace, an image and a runtime for one test file. */
export interface Box {
  readonly client: Containerd;
  readonly runtime: Runtime;
  /** As another process would have it: nothing remembered. */
  anotherRuntime(): Runtime;
  readonly networks: NetworkSettings;
  readonly image: ReadyImage;
  importImage(spec: ImageSpec): Promise<string>;
  /** A request to run a shell script as 1000:1000 with fresh log files. */
  script(text: string, change?: Change): Promise<ContainerRequest>;
  /** Fails when anything is left behind, log files and their folders excepted. */
  close(): Promise<void>;
}

interface BoxOptions {
  readonly address: string;
  readonly runcRoot: string;
  /** Another runtime than runc. */
  readonly runtime?: OciRuntime;
  readonly networks?: Partial<NetworkSettings>;
}

export async function openBox({
  address,
  runcRoot,
  runtime = { name: 'runc' },
  networks: wanted = {},
}: BoxOptions): Promise<Box> {
  const namespace = `runtime-${randomUUID().slice(0, 8)}`;
  const cgroupParent = `/componentd-test/${namespace}/job`;
  const directory = await mkdtemp(join(tmpdir(), 'componentd-test-runtime-'));
  const client = connectContainerd({ address, namespace });
  const networks: NetworkSettings = {
    directory: join(directory, 'network'),
    subnet: `10.214.${process.pid % 250}.0/24`,
    pluginDirectories: ['/usr/lib/cni', '/opt/cni/bin'],
    nameServers: [],
    bridgeAllow: [],
    noInternetAllow: [],
    ...wanted,
  };
  const anotherRuntime = (): Runtime =>
    createRuntime(connected(), { snapshotter: 'overlayfs', runtime: { ...runtime, root: runcRoot }, networks });
  const clients = [client];
  const connected = (): Containerd => {
    const another = connectContainerd({ address, namespace });
    clients.push(another);
    return another;
  };
  const importImage = async (spec: ImageSpec): Promise<string> => {
    const archive = join(directory, `${randomUUID()}.tar`);
    const { diffIds } = await buildImage({ name: `demo/${randomUUID()}:1`, ...spec }, archive);
    await run('ctr', [
      '--address',
      address,
      '--namespace',
      namespace,
      'images',
      'import',
      '--base-name',
      'demo',
      archive,
    ]);
    if (diffIds.length !== 1) throw new Error('one layer is all this needs');
    return diffIds[0] ?? '';
  };
  const image: ReadyImage = {
    name: 'docker.io/demo/box:1',
    digest: '',
    configDigest: '',
    chainId: await importImage({ layers: [busyboxLayer] }),
    snapshotter: 'overlayfs',
    config: { entrypoint: ['/bin/sh', '-c'], cmd: [], env: ['PATH=/bin'], workingDir: '/', user: '', stopSignal: '' },
  };
  const script: Box['script'] = async (text, { limits, config, chainId = image.chainId, ...change } = {}) => {
    const logs = await mkdtemp(join(directory, 'logs-'));
    const id = derivedId(logs);
    return {
      id,
      image: { ...image, chainId, config: { ...image.config, cmd: [text], ...config } },
      labels: { 'test/owner': 'box' },
      cgroupParent,
      env: {},
      mounts: [],
      user: { uid: 1000, gid: 1000 },
      hostname: id.slice(0, 12),
      network: 'none',
      sysctls: {},
      limits: { memoryBytes: 64 * 1024 * 1024, pids: 100, ...limits },
      policy: 'compatible',
      logs: { stdout: join(logs, 'stdout'), stderr: join(logs, 'stderr') },
      ...change,
    };
  };
  return {
    client,
    runtime: anotherRuntime(),
    networks,
    anotherRuntime,
    image,
    importImage,
    script,
    async close() {
      await removeCgroupParents(await detectCgroups(), cgroupParent, '/componentd-test');
      const cgroupPrefix = `/componentd-test/${namespace}`;
      // The runtime makes no temporary directories; those of tests that run beside this one are not its business.
      await expectNothingLeft({ address, namespace, cgroupPrefix, tempDirectory: directory, networks }).finally(() =>
        endNetworks(networks),
      );
      const states = await readdir(join(runcRoot, namespace)).catch(() => []);
      expect(states, 'states of the OCI runtime left behind').toEqual([]);
      for (const each of clients) each.close();
      await rm(directory, { recursive: true });
    },
  };
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Creates, starts, awaits and removes; the logs are read last. */
export async function runToEnd(box: Box, request: ContainerRequest): Promise<Finished> {
  const container = await box.runtime.create(request);
  try {
    await container.start();
    const { code } = await container.wait();
    return { code, ...(await removeAndRead(container, request)) };
  } finally {
    await container.remove();
  }
}

export async function removeAndRead(container: Container, { logs }: ContainerRequest) {
  await container.remove();
  const [stdout, stderr] = await Promise.all([readFile(logs.stdout, 'utf8'), readFile(logs.stderr, 'utf8')]);
  return { stdout, stderr };
}

/** Resolves once the container has said so on stdout. */
export async function untilSaid({ logs }: ContainerRequest, text: string): Promise<void> {
  for (const giveUp = Date.now() + 20_000; ; await delay(10)) {
    const said = await readFile(logs.stdout, 'utf8');
    if (said.includes(text)) return;
    if (Date.now() > giveUp) throw new Error(`"${text}" was never said; only: ${said}`);
  }
}
