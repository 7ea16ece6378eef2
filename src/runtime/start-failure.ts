import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { ApplicationError, UserError } from '../base/errors.ts';
import { hasCode } from '../containerd/errors.ts';
import { findInLayers, lowerDirectories, type RootfsEntry } from '../image/rootfs.ts';
import type { RootfsMounts } from './rootfs-mounts.ts';
import type { RuntimeSpec } from './spec.ts';

/**
 * Whose mistake a failed `Tasks.Create` is. The OCI runtime tells everything with one code and free text, so the image itself is looked
 * at: a command that is not there, or cannot be executed, is its author's. Everything else stays what it was.
 */
export async function explainFailedCreate(
  error: unknown,
  rootfs: RootfsMounts,
  spec: RuntimeSpec,
  image: string,
): Promise<unknown> {
  const layers = lowerDirectories(rootfs);
  if (!hasCode(error, 'UNKNOWN') || layers === undefined) return error;
  // The failure itself matters more than a failure to explain it.
  const blocked = await blockedMount(layers, spec).catch(() => undefined);
  if (blocked !== undefined) {
    return new UserError(`image ${image} cannot be started: its ${blocked} is no directory, and one is mounted there`, {
      reason: 'entrypoint',
      hint: `Take ${blocked} out of the image, or make it an empty directory.`,
      data: { details: error.details },
      cause: error,
    });
  }
  const fault = await faultOf(layers, spec).catch(() => undefined);
  if (fault === undefined) return error;
  return new ApplicationError(`image ${image} cannot be started: ${fault}`, {
    reason: 'entrypoint',
    hint: 'Mend ENTRYPOINT, CMD or WORKDIR of the image.',
    data: { details: error.details },
    cause: error,
  });
}

/** Where a directory is to be mounted, and the image has something else. */
async function blockedMount(layers: readonly string[], { mounts }: RuntimeSpec): Promise<string | undefined> {
  for (const { destination, source } of mounts) {
    const entry = await findInLayers(layers, destination);
    if (entry === undefined || entry.kind === 'directory') continue;
    const isDirectory = source.startsWith('/') ? (await stat(source)).isDirectory() : true;
    if (isDirectory) return destination;
  }
  return undefined;
}

type User = RuntimeSpec['process']['user'];

async function faultOf(layers: readonly string[], { process, mounts }: RuntimeSpec): Promise<string | undefined> {
  const { args, cwd, env, user } = process;
  const command = args[0] ?? '';
  const paths = candidates(command, cwd, env);
  const isMounted = (path: string): boolean => mounts.some(({ destination }) => isWithin(path, destination));
  if ([cwd, ...paths].some(isMounted)) return undefined;

  const directory = await findInLayers(layers, cwd);
  if (directory !== undefined && directory.kind !== 'directory') return `its working directory ${cwd} is no directory`;
  const found = await Promise.all(paths.map((path) => findInLayers(layers, path)));
  const present = found.filter((entry) => entry !== undefined);
  if (present.length === 0) return `its command "${command}" does not exist`;
  const executable = present.filter((entry) => entry.kind === 'file' && (entry.stats.mode & 0o111) !== 0);
  if (executable.length === 0) return `its command "${command}" is not an executable file`;
  if (executable.some((entry) => [...entry.within, entry].every((part) => mayExecute(part, user)))) return undefined;
  return `its command "${command}" may not be executed by user ${user.uid}:${user.gid}`;
}

function mayExecute({ stats }: Pick<RootfsEntry, 'stats'>, { uid, gid, additionalGids }: User): boolean {
  if (uid === 0) return true;
  if (stats.uid === uid) return (stats.mode & 0o100) !== 0;
  const inGroup = stats.gid === gid || additionalGids.includes(stats.gid);
  return (stats.mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

/** Where execvp(3) looks. */
function candidates(command: string, cwd: string, env: readonly string[]): string[] {
  if (command.includes('/')) return [posix.resolve(cwd, command)];
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  return path.split(':').map((directory) => posix.resolve(cwd, directory, command));
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
