import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { classify, InfrastructureError } from '../base/errors.ts';
import type { Stream } from '../base/events.ts';
import { StepFailed, type Workshop, type WorkshopOptions, type WorkshopRequest } from '../image/build/workshop.ts';
import type { ReadyImage } from '../image/types.ts';
import { followLog } from './logs.ts';
import type { BindMount, Container, ContainerRequest, Runtime } from './types.ts';
import { type WrittenBytes, watchDisk } from './workshop-disk.ts';

/** Ids that Debian's and systemd's conventions leave to nobody (systemd, UIDS-GIDS.md). */
const userNamespace = { hostId: 0x7000_0000, size: 65_536 } as const;
/** Whoever waits at a pipe does not outlive us. */
const mortal = ['--pdeathsig', 'KILL'];
const backlogBytes = 256 * 2 ** 20;

/** What of the machine is seen inside; where it is not a folder of its own, the link leads to the same. */
const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc/ssl/certs', '/etc/pki', '/etc/alternatives'];

/** Runs steps until one fails or nobody sends any more. */
const script = `
set -eu
umask 022
mkdir -p /root /run /tmp /var/tmp /shop/in /shop/out
chmod 1777 /tmp /var/tmp
echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
echo 'root:x:0:' >/etc/group
while :; do
  umount /shop/in/secrets 2>/dev/null || true
  rm -rf /shop/in /shop/out
  mkdir -p /shop/in/secrets /shop/out
  mount -t tmpfs -o size=16m,mode=700 tmpfs /shop/in/secrets
  tar -xBf /io/in -C /shop/in
  (cd /shop/in && exec /bin/sh ./step.sh) </dev/null || exit
  tar -cf /io/out -C /shop/out .
done
`;

/** Makes the workshop on this machine; `written` tells how much a container has written. See {@link Workshop}. */
export async function openWorkshop(
  runtime: Runtime,
  written: WrittenBytes,
  { request, options }: { readonly request: WorkshopRequest; readonly options: WorkshopOptions },
): Promise<Workshop> {
  const { folder } = request;
  await rm(folder, { recursive: true, force: true });
  const io = join(folder, 'io');
  await mkdir(io, { recursive: true, mode: 0o700 });
  // The users of the workshop pass through here, and nowhere else: they see no other folder of ours.
  await chmod(io, 0o711);
  await makePipes(io);
  const container = await runtime.create(containerRequest(request, io)).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw whyNot(error);
  });
  return new OpenedWorkshop(container, { request, options, written, io });
}

/** The users of the workshop pass through the folders of containerd, as those of every user namespace do. */
function whyNot(error: unknown): unknown {
  const { message, reason } = classify(error);
  if (!/permission denied/i.test(message)) return error;
  return new InfrastructureError(`no container can be made for the build: ${message}`, {
    cause: error,
    ...(reason !== undefined && { reason }),
    hint: "Let other users pass through containerd's state directory and those above it: chmod o+x.",
  });
}

async function makePipes(io: string): Promise<void> {
  const paths = [join(io, 'in'), join(io, 'out')];
  await promisify(execFile)('mkfifo', ['--mode=600', ...paths]);
  for (const path of paths) await chown(path, userNamespace.hostId, userNamespace.hostId);
}

function containerRequest(request: WorkshopRequest, io: string): ContainerRequest {
  const { id, folder, limits } = request;
  const mounts: BindMount[] = programs.filter(existsSync).map((path) => ({
    source: path,
    destination: path,
    readonly: true,
  }));
  return {
    id,
    image: toolImage,
    labels: request.labels,
    cgroupParent: request.cgroupParent,
    env: {},
    mounts: [...mounts, { source: io, destination: '/io' }],
    user: { uid: 0, gid: 0 },
    hostname: 'build',
    network: request.network,
    sysctls: {},
    limits: { memoryBytes: limits.memoryBytes, pids: limits.pids },
    policy: request.policy,
    userNamespace,
    logs: { stdout: join(folder, 'stdout'), stderr: join(folder, 'stderr') },
  };
}

const toolImage: ReadyImage = {
  name: 'componentd.invalid/workshop:latest',
  digest: '',
  configDigest: '',
  chainId: '',
  snapshotter: '',
  config: {
    entrypoint: ['/bin/sh', '-c', script],
    cmd: [],
    env: [],
    workingDir: '/',
    user: '',
    stopSignal: 'SIGTERM',
  },
};

interface Opened {
  readonly request: WorkshopRequest;
  readonly options: WorkshopOptions;
  readonly written: WrittenBytes;
  readonly io: string;
}

class OpenedWorkshop implements Workshop {
  readonly #container: Container;
  readonly #opened: Opened;
  readonly #ended = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  readonly #drained: Promise<unknown>;
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(container: Container, opened: Opened) {
    this.#container = container;
    this.#opened = opened;
    this.#drained = Promise.all([this.#follow('stdout'), this.#follow('stderr')]);
    this.#drained.catch((error: unknown) => this.#ending.abort(error));
  }

  async step(input: AsyncIterable<Uint8Array>, use: (output: Readable) => Promise<void>): Promise<void> {
    this.#started ??= this.#start();
    await this.#started;
    const { io } = this.#opened;
    const sender = spawn('setpriv', [...mortal, 'sh', '-c', 'exec cat >"$1"', 'sh', join(io, 'in')], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const receiver = spawn('setpriv', [...mortal, 'cat', join(io, 'out')], { stdio: ['ignore', 'pipe', 'ignore'] });
    const signal = AbortSignal.any([this.#opened.options.signal, this.#ending.signal]);
    const stop = (): void => {
      for (const child of [sender, receiver]) child.kill('SIGKILL');
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      const received = use(receiver.stdout);
      received.catch(() => undefined);
      await pipeline(Readable.from(input), sender.stdin);
      await received;
      await Promise.all([ended(sender), ended(receiver)]);
    } catch (error) {
      // Whatever broke first, the end of the workshop is why.
      await this.#whyEnded(signal);
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
    signal.throwIfAborted();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #start(): Promise<void> {
    const { request, written } = this.#opened;
    await this.#container.start();
    const watch = { id: request.id, limitBytes: request.limits.diskBytes, signal: this.#ending.signal };
    watchDisk(written, watch).catch((error: unknown) => this.#ending.abort(error));
    this.#container.wait().then(
      async ({ code }) => {
        const { oomKills } = await this.#container.usage();
        this.#ending.abort(new StepFailed({ exitCode: code, oomKills }));
      },
      (error: unknown) => this.#ending.abort(error),
    );
  }

  /** Somebody who left in the middle of a pipe is about to be told about. */
  async #whyEnded(signal: AbortSignal): Promise<void> {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(2_000)]);
    if (!soon.aborted) await once(soon, 'abort');
    signal.throwIfAborted();
  }

  async #close(): Promise<void> {
    this.#ending.abort(new InfrastructureError('the workshop is closed'));
    try {
      await this.#container.stop(0).catch(() => undefined);
      await this.#container.remove();
    } finally {
      this.#ended.resolve();
      await this.#drained.catch(() => undefined);
      await rm(this.#opened.request.folder, { recursive: true, force: true });
    }
  }

  async #follow(stream: Stream): Promise<void> {
    const { request, options } = this.#opened;
    await followLog({
      path: join(request.folder, stream),
      from: 0,
      ended: this.#ended.promise,
      onChunk: (bytes, endOffset) => {
        options.onOutput(stream, bytes, endOffset - bytes.length);
        return undefined;
      },
      limits: { backlogBytes },
    });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
