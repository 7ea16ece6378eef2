import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { pushImage } from '../../scripts/lib/push-image.ts';
import type { Scope } from '../../src/base/scope.ts';
import { connectContainerd } from '../../src/containerd/client.ts';
import { probe } from '../../src/containerd/version.ts';
import { dockerCommand } from './docker.ts';
import { type Contender, type Row, timeProcess } from './measure.ts';
import { buildPullImage } from './pull-image.ts';
import type { Setting } from './setting.ts';
import { pullByTransfer } from './transfer.ts';

const execute = promisify(execFile);
const cache = resolve(import.meta.dirname, '../../.cache/bench/pull-1');
const preload = pathToFileURL(join(import.meta.dirname, 'loop-delay.mjs')).href;
const decompressors = ['igzip', 'unpigz'] as const;

/**
 * The row `pull`: four layers, about 150 MB, from a registry on this machine. Everything that a contender leaves is removed, collected and
 * written out before the next one begins. `ctr` and componentd share a containerd, and with it the decompressor.
 */
export async function pullRow(
  scope: Scope,
  { setting, rounds, note }: { setting: Setting; rounds: number; note: (text: string) => void },
): Promise<Row> {
  if (!existsSync(join(cache, 'index.json'))) {
    note('building the image to pull, once');
    await rm(cache, { recursive: true, force: true });
    await buildPullImage(cache);
  }
  await pushImage(cache, `http://${setting.registry}`, 'bench/pull:1');
  const image = `${setting.registry}/bench/pull:1`;
  const client = connectContainerd({ address: setting.containerd.address, namespace: 'bench-ctr' });
  scope.own('connection', async () => client.close());
  const { major, minor, text } = await probe(client);
  const decompressor = (await Promise.all(decompressors.map(isInstalled))).indexOf(true);
  const what = `containerd ${text}, which ${decompressor < 0 ? 'decompresses by itself' : `finds ${decompressors[decompressor]}`}`;
  const settled = () => settle(setting);
  const contenders = [
    componentd(setting, image),
    ...(major === 1 ? [ctr(setting, image, 'ctr pull', minor > 6 ? ['--local'] : [])] : []),
    ...(major > 1
      ? [ctr(setting, image, 'ctr pull', ['--local']), ctr(setting, image, 'ctr pull by transfer', [])]
      : []),
    ...(major > 1 ? [transfer(setting, image)] : []),
    docker(setting, image),
    ...((await isInstalled('podman')) ? [await podman(setting, image)] : []),
  ].map((contender) => ({
    ...contender,
    run: async (round: number) => {
      await settled();
      return contender.run(round);
    },
  }));
  return { name: 'pull', what: `four layers of 148 MB together; ${what}`, rounds, contenders };
}

function componentd({ componentd: command, flags, folder }: Setting, image: string): Contender {
  const file = join(folder, 'pull-report.json');
  const env = { ...process.env, NODE_OPTIONS: `--import=${preload}`, COMPONENTD_BENCH_REPORT: file };
  return {
    name: 'componentd',
    run: async () => {
      const { ms } = await timeProcess(command, [...flags, '--quiet', 'image', 'pull', image], { env });
      const report = JSON.parse(await readFile(file, 'utf8')) as { delayP99Ms: number; cpuMs: number; peakMiB: number };
      await execute(command, [...flags, 'image', 'rm', image]);
      return { '': ms, 'own cpu': report.cpuMs, 'loop delay p99': report.delayP99Ms, 'peak MiB': report.peakMiB };
    },
  };
}

function ctr({ ctr: flags }: Setting, image: string, name: string, more: readonly string[]): Contender {
  return {
    name,
    run: async () => {
      const { ms } = await timeProcess('ctr', [...flags, 'images', 'pull', '--plain-http', ...more, image]);
      await execute('ctr', [...flags, 'images', 'rm', '--sync', image]);
      return { '': ms };
    },
  };
}

function transfer({ containerd, ctr: flags }: Setting, image: string): Contender {
  return {
    name: 'Transfer',
    run: async () => {
      const begun = performance.now();
      await pullByTransfer({ address: containerd.address, namespace: 'bench-ctr', image });
      const ms = performance.now() - begun;
      await execute('ctr', [...flags, 'images', 'rm', '--sync', image]);
      return { '': ms };
    },
  };
}

function docker({ docker: { args } }: Setting, image: string): Contender {
  return {
    name: 'docker pull',
    run: async () => {
      const { ms } = await timeProcess(dockerCommand, [...args, 'pull', '--quiet', image]);
      await execute(dockerCommand, [...args, 'rmi', '--force', image]);
      return { '': ms };
    },
  };
}

async function podman({ folder }: Setting, image: string): Promise<Contender> {
  const place = join(folder, 'podman');
  await mkdir(place, { recursive: true });
  const policy = join(place, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const args = ['--root', join(place, 'root'), '--runroot', join(place, 'run'), '--storage-driver', 'overlay'];
  return {
    name: 'podman pull',
    run: async () => {
      const pull = ['pull', '--quiet', '--tls-verify=false', '--signature-policy', policy, image];
      const { ms } = await timeProcess('podman', [...args, ...pull]);
      await execute('podman', [...args, 'rmi', '--force', image]);
      return { '': ms };
    },
  };
}

/** containerd removes the folders of snapshots after it has forgotten them. */
async function settle({ containerd, names }: Setting): Promise<void> {
  const snapshots = join(containerd.directory, 'root/io.containerd.snapshotter.v1.overlayfs/snapshots');
  const kept = Object.keys(names).length;
  for (const giveUp = Date.now() + 30_000; Date.now() < giveUp; await delay(50)) {
    if ((await readdir(snapshots)).length <= kept * 2) break;
  }
  await execute('sync');
}

async function isInstalled(command: string): Promise<boolean> {
  return execute('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  );
}
