import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { buildImage } from '../../scripts/lib/oci-image.ts';
import { pushImage } from '../../scripts/lib/push-image.ts';
import type { Scope } from '../../src/base/scope.ts';
import type { ReadyImage } from '../../src/image/types.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { startRegistry } from '../support/registry.ts';
import { releaseOn } from '../support/releases.ts';
import { type PrivateDocker, startDocker } from './docker.ts';
import { type Resident, startResident } from './resident.ts';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** What the rows measure on: every peer has both images, and a job for each is configured. */
export interface Setting {
  /** Goes with the setting. */
  readonly folder: string;
  readonly containerd: PrivateContainerd;
  /** `host:port`, plain http. */
  readonly registry: string;
  readonly componentd: string;
  /** Global flags of `componentd` that lead to this project and containerd. */
  readonly flags: readonly string[];
  readonly ctr: readonly string[];
  readonly docker: PrivateDocker;
  readonly resident: Resident;
  /** What `resident` runs: a container that ends at once. */
  readonly trivial: ReadyImage;
  /** Names of the images for ctr and docker. */
  readonly names: { readonly trivial: string; readonly log: string };
}

/** 200 MB in lines of 200 bytes. */
const logScript = `yes "$(printf '%0199d' 7)" | head -c 200000000`;

/** Sets everything up below a temporary folder; the scope takes it down. */
export async function prepare(scope: Scope, note: (text: string) => void): Promise<Setting> {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-bench-'));
  scope.own('folder', () => rm(folder, { recursive: true, force: true }));
  note('starting containerd, dockerd and a registry');
  const containerd = await startContainerd();
  scope.own('containerd', containerd.stop);
  const registry = await startRegistry();
  scope.own('registry', registry.stop);
  const docker = await startDocker(join(folder, 'docker'), containerd.address);
  scope.own('dockerd', docker.stop);

  note('building and distributing the images');
  const names = { trivial: `${registry.host}/bench/trivial:1`, log: `${registry.host}/bench/log:1` };
  const ctr = ['--address', containerd.address, '--namespace', 'bench-ctr'];
  // Newer ones leave it to the daemon, which speaks https only in 1.7.
  const local = releaseOn(process.env.PATH ?? '') === '1.6' ? [] : ['--local'];
  for (const [kind, entrypoint] of [
    ['trivial', ['/bin/true']],
    ['log', ['/bin/sh', '-c', logScript]],
  ] as const) {
    const archive = join(folder, `${kind}.tar`);
    await buildImage({ layers: [busybox()], config: { Entrypoint: entrypoint, Env: ['PATH=/bin'] } }, archive);
    await pushImage(archive, `http://${registry.host}`, `bench/${kind}:1`);
    await execute('ctr', [...ctr, 'images', 'pull', '--plain-http', ...local, names[kind]]);
    await docker.load(archive, names[kind]);
  }
  const data = join(folder, 'data');
  await mkdir(data);
  const resident = await startResident(containerd.address, data);
  scope.own('resident', resident.close);
  const trivial = await resident.ensure(names.trivial);
  const flags = [
    '--address',
    containerd.address,
    '--project',
    join(folder, 'project'),
    '--state-dir',
    join(folder, 'state'),
  ];
  const setting = {
    folder,
    containerd,
    registry: registry.host,
    componentd: join(root, 'bin/componentd'),
    flags,
    ctr,
    docker,
    resident,
    trivial,
    names,
  };
  await configure(setting, folder);
  return setting;
}

/** Three configurations without tables: `trivial`, `chain` (with a processor before and one after) and `log`. */
async function configure({ componentd, flags, names }: Setting, folder: string): Promise<void> {
  const run = (...args: readonly string[]) => execute(componentd, [...flags, ...args]);
  const write = async (name: string, content: unknown): Promise<string> => {
    await writeFile(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  };
  await run('init');
  for (const kind of ['trivial', 'log'] as const) {
    const [uri] = names[kind].split(/:1$/);
    const definition = { type: 'dockerhub', uri, tag: '1' };
    const component = {
      id: `bench.${kind}`,
      type: 'application',
      data: { definition, network: 'none', memory: '256m' },
    };
    await run('component', 'add', await write(`${kind}.json`, component));
  }
  const processor = [{ definition: { component: 'bench.trivial' } }];
  await run('config', 'set', 'bench.trivial', 'trivial', await write('1.json', { parameters: {} }));
  const chain = { parameters: {}, processors: { before: processor, after: processor } };
  await run('config', 'set', 'bench.trivial', 'chain', await write('2.json', chain));
  await run('config', 'set', 'bench.log', 'log', await write('3.json', { parameters: {} }));
}

function busybox() {
  const applets = ['true', 'sh', 'yes', 'head', 'printf'];
  const links = applets.map((applet) => [`bin/${applet}`, { symlink: 'busybox' }] as const);
  return { 'bin/busybox': { file: '/bin/busybox', mode: 0o755 }, ...Object.fromEntries(links) };
}
